"""Whether files of the cache are what was written: each artifact has a file of digests beside it.

A disk that was full, a copy that was cut off, or another program may have changed one; an engine then ends in an error
of its own, or computes something else.
"""

from __future__ import annotations

import errno
import fcntl
import functools
import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_formfunc.clock import now_s
from pytest_formfunc.json_reading import parse_json
from pytest_formfunc.measure.host_lock import open_shared, release, try_lock

SUMS = ".sha256"  # added to an artifact's name
_DIGEST = "digest"
_LARGE_BYTES = 2**26  # a larger file is read only if its size, inode or time of change is another
_PATIENCE_S = 60.0  # less than a worker may take to answer
_POLL_S = 0.05
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def seal(folder: Path, name: str) -> None:
    """Write the digests of all files that are in a folder, which are those of one artifact.

    Args:
        folder: the folder.
        name: the artifact's name.

    Raises:
        OSError: it cannot be written.
    """
    files = [file for file in sorted(folder.iterdir()) if file.is_file()]
    sums = {file.name: {_DIGEST: _digest_of(file), "stat": _stat_of(file)} for file in files}
    (folder / f"{name}{SUMS}").write_text(json.dumps(sums), encoding="utf-8")


def is_whole(folder: Path, name: str) -> bool:
    """Return whether an artifact is there and every file of it is as it was written."""
    try:
        sums = parse_json((folder / f"{name}{SUMS}").read_text(encoding="utf-8"))
        return name in sums and all(_is_same(folder / file, about) for file, about in sums.items())
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return False


def copy_whole(folder: Path, into: Path, names: Iterable[str]) -> None:
    """Copy the artifacts that are whole into another folder.

    Args:
        folder: where they are.
        into: the other folder.
        names: of the artifacts.

    Raises:
        OSError: they cannot be written.
    """
    for name in names:
        if is_whole(folder, name) and not is_whole(into, name):
            sums = parse_json((folder / f"{name}{SUMS}").read_text(encoding="utf-8"))
            for file in (*sums, f"{name}{SUMS}"):
                shutil.copy2(folder / file, into / file)


def _is_same(path: Path, about: dict[str, Any]) -> bool:
    stat = _stat_of(path)
    if stat[0] >= _LARGE_BYTES and stat == about["stat"]:
        return True
    return _digest_of(path) == str(about[_DIGEST])


def _stat_of(path: Path) -> list[int]:
    about = path.stat()
    return [about.st_size, about.st_ino, about.st_ctime_ns]  # the time of a change, which nobody can set


def with_digest(facts: dict[str, Any]) -> str:
    """Return facts as the text of a file that says whether it is whole."""
    return json.dumps({**facts, _DIGEST: _digest_of_facts(facts)})


def read_facts(path: Path) -> dict[str, Any] | None:
    """Return what `with_digest` wrote to a file, or None if it is not there or not whole."""
    try:
        facts = parse_json(path.read_text(encoding="utf-8"))
        digest = facts.pop(_DIGEST)
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return None
    return facts if digest == _digest_of_facts(facts) else None


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait while another process makes artifacts in a folder, but not for ever: each file is written whole in any case.

    On a file system without locks, and where another user's file cannot be opened, it does not wait at all.
    """
    try:
        file = open_shared(folder, ".lock")
    except OSError:
        yield
        return
    try:
        end = now_s() + _PATIENCE_S
        while not try_lock(file, fcntl.LOCK_EX) and now_s() < end:
            time.sleep(_POLL_S)
        yield
    finally:
        release(file)


def _digest_of_facts(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _digest_of(path: Path) -> str:
    about = path.stat()
    return _digest(str(path), about.st_ino, about.st_size, about.st_mtime_ns)


@functools.lru_cache(maxsize=4096)
def _digest(path: str, *what: int) -> str:
    """Return a file's digest; it is read again once its inode, size or time of change is another."""
    del what
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
