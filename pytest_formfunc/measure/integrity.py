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
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_formfunc.json_reading import parse_json

SUMS = ".sha256"  # added to an artifact's name
_DIGEST = "digest"
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
    sums = {file.name: _digest_of(file) for file in sorted(folder.iterdir()) if file.is_file()}
    (folder / f"{name}{SUMS}").write_text(json.dumps(sums), encoding="utf-8")


def is_whole(folder: Path, name: str) -> bool:
    """Return whether an artifact is there and every file of it is as it was written."""
    try:
        sums = parse_json((folder / f"{name}{SUMS}").read_text(encoding="utf-8"))
        return name in sums and all(_digest_of(folder / file) == digest for file, digest in sums.items())
    except (OSError, ValueError, TypeError, AttributeError):
        return False


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
    """Wait until no other process makes artifacts in a folder; on a file system without locks, do not wait.

    Raises:
        OSError: the folder cannot be written to.
    """
    file = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP):
                raise
        yield
    finally:
        os.close(file)


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
