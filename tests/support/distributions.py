"""Virtual environments linked to this one's packages, and small distributions in them, installed without pip."""

from __future__ import annotations

import base64
import hashlib
import sys
import venv
from pathlib import Path


def make_environment(folder: Path, *, linked: bool = True) -> Path:
    """Make an environment, which has this one's packages where it is linked to them."""
    venv.create(folder, symlinks=True)
    if linked:
        here = [entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
        (site_packages(folder) / "linked.pth").write_text("\n".join(here) + "\n")
    return folder


def site_packages(environment: Path) -> Path:
    return next(environment.glob("lib/python*/site-packages"))


def install(environment: Path, name: str, version: str, files: dict[str, str], requires: tuple[str, ...] = ()) -> None:
    """Install a distribution with a list of its files, as pip writes it; a path may lead out of the packages."""
    packages = site_packages(environment)
    about = f"{name.replace('-', '_')}-{version}.dist-info"
    lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}", *(f"Requires-Dist: {one}" for one in requires)]
    record = []
    for path, text in {**files, f"{about}/METADATA": "\n".join(lines) + "\n"}.items():
        (packages / path).parent.mkdir(parents=True, exist_ok=True)
        (packages / path).write_text(text)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record.append(f"{path},sha256={digest},{len(text)}")
    (packages / about / "RECORD").write_text("\n".join([*record, f"{about}/RECORD,,"]) + "\n")
