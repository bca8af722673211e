"""The report as a file, in the format that its ending names."""

from __future__ import annotations

import errno
import os
from importlib import import_module
from pathlib import Path

from pytest_formfunc.errors import BadInput
from pytest_formfunc.option_specs import REPORT_FORMATS
from pytest_formfunc.paths import exists, is_folder
from pytest_formfunc.results import Results


def write_report(results: Results, path: Path) -> Path:
    """Write a run's results to a file and return its path."""
    module, _, function = REPORT_FORMATS[path.suffix].partition(":")
    text: str = getattr(import_module(f"{__package__}.{module}"), function)(results)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)
    return path


def write_whole(path: Path, text: str) -> None:
    """Write a text to a file that is whole or as it was before.

    Raises:
        OSError: it cannot be written.
    """
    try:
        path = path.resolve()
    except RuntimeError as error:  # links in a circle
        raise OSError(errno.ELOOP, str(error)) from None
    if path.exists() and not path.is_file():  # a device, a pipe
        path.write_text(text, encoding="utf-8")
        return
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.write_text(text, encoding="utf-8")
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def check_report_path(path: Path) -> None:
    """Make sure that a report can be written there.

    Raises:
        BadInput: it is a folder, or it lies where nothing can be written.
    """
    above = next(folder for folder in path.absolute().parents if exists(folder))
    if is_folder(path):
        raise BadInput(f"--formfunc-report {path} is a folder: name a file in it")
    if not above.is_dir() or not os.access(path if exists(path) else above, os.W_OK):
        raise BadInput(f"--formfunc-report {path} cannot be written: {above} is no folder that you may write to")
