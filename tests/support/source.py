"""What git has of this repository, copied: to build the package without leaving anything in the checkout."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]


def tracked(*paths: str) -> list[str]:
    """Return the names of the files that git has, and of new ones that it does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", *paths],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    return [name for name in listed if name and (ROOT / name).is_file()]


def copy_source(to: Path) -> Path:
    """Copy what a build of the package needs, and the actions."""
    for name in tracked("pytest_formfunc", "pyproject.toml", "README.md", "LICENSE", "action.yml", "merge", "comment"):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_bytes((ROOT / name).read_bytes())
    return to


def linked_environment(folder: Path) -> Path:
    """Make an environment that sees the libraries of this one, pip too, which would take minutes to install."""
    venv.create(folder, symlinks=True)
    here = [entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "linked.pth").write_text("\n".join(here) + "\n")
    program = folder / "bin" / "pytest"  # as installing it would have made it
    program.write_text(f"#!{folder / 'bin' / 'python'}\nimport sys, pytest\nsys.exit(pytest.main())\n")
    program.chmod(0o755)
    return folder
