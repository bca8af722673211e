"""Open another virtual environment, whose packages the other side of a comparison runs with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest_formfunc
from pytest_formfunc.errors import BadInput
from pytest_formfunc.measure.workspace import Environment
from pytest_formfunc.paths import is_file

_LIMIT_S = 60


def open_environment(folder: Path, harness: Path) -> Environment:
    """Check a virtual environment, and make the folder that workers there import this harness from.

    Args:
        folder: the virtual environment.
        harness: the folder to make.

    Raises:
        BadInput: ``folder`` is not a virtual environment, its Python does not run, or its Python has another version,
            so that more than packages would differ.
    """
    option = f"--formfunc-against-env {folder}"
    python = folder / "bin" / "python"
    if not is_file(python):
        raise BadInput(
            f"{option}: there is no virtual environment: make one with python -m venv {folder} and install "
            "pytest-formfunc with its extras in it"
        )
    try:
        done = subprocess.run(
            [python, "-c", "import sys; print(*sys.version_info[:2], sep='.')"],
            capture_output=True, text=True, check=True, timeout=_LIMIT_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise BadInput(
            f"{option}: its Python does not run ({type(error).__name__}): make the environment again"
        ) from None
    version, own = done.stdout.strip(), f"{sys.version_info[0]}.{sys.version_info[1]}"
    if version != own:
        raise BadInput(f"{option}: its Python is {version} and this one is {own}: make it with python{own}")
    link_harness(harness)
    # The path is not resolved: Python finds the environment only if it is started by the link in it.
    return Environment(str(folder), str(python.absolute()), str(harness))


def link_harness(folder: Path) -> Path:
    """Make and return a folder that contains this pytest_formfunc package and nothing else."""
    folder.mkdir()
    (folder / "pytest_formfunc").symlink_to(Path(pytest_formfunc.__file__).parent, target_is_directory=True)
    return folder
