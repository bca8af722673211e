"""Save runs by pytest-benchmark so that a file is whole or not there, and two sessions never take one name.

pytest-benchmark writes a saved run in place: a full disk leaves half of it as the newest baseline, and two sessions
that share a storage count to the same number.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_formfunc.plugin.sentence import report_failed

if TYPE_CHECKING:
    from pytest_formfunc.plugin.session import Session

_TRIES = 1000  # numbers that other sessions may take while this one counts


def save_whole(session: Session, config: pytest.Config) -> None:
    """Let a session that measures save by this module."""
    benchmark: Any = getattr(config, "_benchmarksession", None)
    if benchmark is None:
        return
    storage, whole = benchmark.storage, _Whole(session, config)
    if hasattr(storage, "path") and hasattr(storage, "get"):  # a folder
        storage.save = lambda output, name: whole.to_storage(benchmark, output, name)
    usual = benchmark.save_json
    benchmark.save_json = lambda output: whole.to_json(benchmark, output, usual)


class _Whole:
    """Writes files that are whole."""

    def __init__(self, session: Session, config: pytest.Config) -> None:
        self._session = session
        self._config = config

    def to_storage(self, benchmark: Any, output: dict[str, Any], name: str) -> None:
        storage = benchmark.storage
        try:
            folder = Path(str(storage.get("")))  # which it makes
            with _alone_in(folder):
                path = _link(storage, folder, name, output)
        except OSError as error:
            self._say(str(storage.path), error)
            return
        benchmark.logger.info(f"Saved benchmark data in: {path}")

    def to_json(self, benchmark: Any, output: dict[str, Any], usual: Callable[[dict[str, Any]], None]) -> None:
        path = Path(str(benchmark.json)).resolve()
        if path.exists() and not path.is_file():  # a device, a pipe
            usual(output)
            return
        try:
            os.replace(_write(path, output), path)
        except OSError as error:
            self._say(str(path), error)
            return
        benchmark.logger.info(f"Wrote benchmark data in: {path}", purple=True)

    def _say(self, where: str, error: OSError) -> None:
        """Report a failed test: what was asked for is not there."""
        self._session.is_unsaved = True
        report_failed(self._config, "formfunc-not-saved", f"the run is not saved in {where}: {error.strerror}")


def _link(storage: Any, folder: Path, name: str, output: dict[str, Any]) -> Path:
    """Write a saved run under the next number that is free; return its path.

    Raises:
        OSError: it cannot be written.
    """
    scratch = _write(folder / f"0_{name}.json", output)
    try:
        for _ in range(_TRIES):
            path = folder / f"{storage._next_num}_{name}.json"
            try:
                os.link(scratch, path)
            except FileExistsError:
                continue
            except OSError:  # a file system without links
                os.rename(scratch, path)
            return path
        raise FileExistsError(0, "other sessions take every number")
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink()


def _write(path: Path, output: dict[str, Any]) -> Path:
    """Write a file beside another one; return its path.

    Raises:
        OSError: it cannot be written; nothing of it is left.
    """
    from pytest_benchmark.utils import safe_dumps

    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(scratch, "wb") as file:
            file.write(safe_dumps(output, ensure_ascii=True, indent=4).encode())
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            scratch.unlink()
        raise
    return scratch


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let no other session of ours count in a folder meanwhile, where the file system has locks.

    Raises:
        OSError: there is no such folder.
    """
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)
