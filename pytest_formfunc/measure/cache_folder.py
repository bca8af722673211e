"""Where a case's artifacts are made: in the cache, or in a folder of the run where nobody may write to that."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.measure.integrity import FULL, READ_ONLY, copy_whole
from pytest_formfunc.measure.scratch import MAKING_PREFIX, sweep

_MADE = "# Made by pytest-formfunc."
_NEARLY_NOTHING = 2**20  # bytes that are free


def begin_cache(folder: Path) -> None:
    """Make the cache's folder if it is not there, and keep what is in it out of the user's commits, as pytest does."""
    with contextlib.suppress(OSError):  # whoever writes to it says what is wrong
        folder.mkdir(parents=True)
        (folder / ".gitignore").write_text(f"{_MADE}\n*\n", encoding="utf-8")


def is_ours(folder: Path) -> bool:
    """Return whether `begin_cache` made a folder."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return (folder / ".gitignore").read_text(encoding="utf-8").startswith(_MADE)
    return False


def writable(folder: Path, spare: Path | None, names: Iterable[str]) -> tuple[Path, str]:
    """Return the folder to make artifacts in, and why it is the spare one, if it is; that has what is there already.

    Raises:
        MeasurementError: neither can be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder.parent, MAKING_PREFIX)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        if spare is None or error.errno not in READ_ONLY:
            raise MeasurementError(unwritable(folder, error)) from None
        spare.mkdir(parents=True, exist_ok=True)
        copy_whole(folder, spare, names)
        return spare, f"{folder.parent} cannot be written to ({error.strerror})"
    return folder, ""


def unwritable(folder: Path, error: OSError) -> str:
    """Return the sentence for artifacts that cannot be written."""
    what = "the disk is full" if error.errno in FULL else error.strerror
    return f"its artifacts cannot be written to {folder.parent}: {what}; --formfunc-cache-dir names another folder"


def is_full(error: Exception, folder: Path, weight_bytes: int) -> bool:
    """Return whether a converter failed because nothing more can be written; many say so in words of their own.

    Args:
        error: what it raised.
        folder: where it writes.
        weight_bytes: bytes of the network's weights: some remove what they could not write whole.
    """
    if isinstance(error, OSError) and error.errno in FULL:
        return True
    with contextlib.suppress(OSError):
        return shutil.disk_usage(folder).free < _NEARLY_NOTHING + 2 * weight_bytes
    return False
