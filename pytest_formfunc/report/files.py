"""The report as a file, in the format that its ending names."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from pytest_formfunc.errors import BadInput, FormfuncError
from pytest_formfunc.option_specs import PICTURES, REPORT_FORMATS, report_ending
from pytest_formfunc.paths import exists, is_folder
from pytest_formfunc.report import charts
from pytest_formfunc.results import Results


def write_report(results: Results, path: Path) -> Path:
    """Write a run's results to a file and return its path.

    Where a format makes several files, each has its name before the ending: ``plots-latency.svg`` of ``plots.svg``.
    The path that is returned is then that of the first.

    Raises:
        FormfuncError: there is nothing to draw, or the extra that draws is not installed.
        OSError: it cannot be written.
    """
    ending = report_ending(path.name)
    module, _, function = REPORT_FORMATS[ending].partition(":")
    made: str | Mapping[str, bytes] = getattr(import_module(f"{__package__}.{module}"), function)(results)
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(made, str):
        write_whole(path, made)
        return path
    paths = []
    for name, content in made.items():
        paths.append(path.with_name(f"{path.name.removesuffix(ending)}-{name}{ending}"))
        write_whole(paths[-1], content)
    if not paths:
        raise FormfuncError("there is nothing to draw: no row claims a speedup")
    return paths[0]


def write_whole(path: Path, text: str | bytes) -> None:
    """Write a text, in UTF-8, or bytes to a file that is whole or as it was before.

    Raises:
        OSError: it cannot be written.
    """
    try:
        path = path.resolve()
    except RuntimeError as error:  # links in a circle
        raise OSError(errno.ELOOP, str(error)) from None
    content = text.encode() if isinstance(text, str) else text
    if path.exists() and not path.is_file():  # a device, a pipe
        path.write_bytes(content)
        return
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.write_bytes(content)
        os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def check_report_path(path: Path, what: str = "--formfunc-report") -> None:
    """Make sure that a report can be written there.

    Args:
        path: its file.
        what: what it is called in a message.

    Raises:
        BadInput: it is a folder, it lies where nothing can be written, or it is a picture and nothing can draw it.
    """
    above = next(folder for folder in path.absolute().parents if exists(folder))
    if is_folder(path):
        raise BadInput(f"{what} {path} is a folder: name a file in it")
    if report_ending(path.name) in PICTURES and not charts.are_possible():
        raise BadInput(f"{what} {path}: {charts.EXTRA}")
    if not above.is_dir() or not os.access(path if exists(path) else above, os.W_OK):
        raise BadInput(f"{what} {path} cannot be written: {above} is no folder that you may write to")
