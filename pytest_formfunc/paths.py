"""Look at files that somebody named: what cannot be looked at is wrong input, and a pipe is no file."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

from pytest_formfunc.errors import BadInput

T = TypeVar("T")


def is_file(path: Path) -> bool:
    """Return whether a path is a file.

    Raises:
        BadInput: that cannot be told: a folder above may not be entered, or the name is too long.
    """
    return _ask(path, path.is_file)


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder.

    Raises:
        BadInput: that cannot be told.
    """
    return _ask(path, path.is_dir)


def exists(path: Path) -> bool:
    """Return whether a path is there.

    Raises:
        BadInput: that cannot be told.
    """
    return _ask(path, path.exists)


def open_file(path: Path) -> BinaryIO:
    """Open a file to read its bytes; who would open a pipe would wait for somebody to write to it.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is no regular file.
    """
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        kind = os.fstat(file).st_mode
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(21, "Is a directory")
        if not stat.S_ISREG(kind):
            raise ValueError("it is a pipe or a device, and no file")
    except BaseException:
        os.close(file)
        raise
    return os.fdopen(file, "rb")


def _ask(path: Path, question: Callable[[], T]) -> T:
    try:
        return question()
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        name = str(path)
        shown = name if len(name) <= 120 else f"{name[:100]}..."
        raise BadInput(f"{shown} cannot be looked at: {reason}") from None
