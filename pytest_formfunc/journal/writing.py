"""Write a journal: each line is one write, on the disk before the run goes on, and whole or not there."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pytest_formfunc.errors import BadInput
from pytest_formfunc.journal.lines import INTERRUPTED, Failure, Header, Judged, Row
from pytest_formfunc.journal.reading import end_of_whole_lines


class JournalWriter:
    """Appends to the file of a run.

    Attributes:
        path: the file.
        problem: why nothing more is written, or an empty string: a full disk does not end a run.
    """

    def __init__(self, path: Path, header: Header | None, after: float = 0.0) -> None:
        """Begin the file, or open one to go on with it.

        Args:
            path: the file.
            after: the time of the last line that is known of the run: later lines have later ones, though a clock was
                set back meanwhile.
            header: its first line; None to open a file that is there, from which a half-written last line is removed.
                `go_on` then says which run continues it.

        Raises:
            BadInput: it cannot be written, another run writes it, or it is there already and is not continued.
        """
        self.path = path
        self.problem = ""
        self._last: dict[tuple[str, str], str] = {}
        self._at = after
        self._file = -1
        self._is_begun = False
        try:
            if header is None:
                self._open()
            else:
                self._begin(header)
        except BaseException as error:
            if header is not None and self._is_begun:  # it was interrupted, and its owner will never know this writer
                self.end(INTERRUPTED)
            self.close()
            if not isinstance(error, OSError):
                raise
            a_file = isinstance(error, FileExistsError | NotADirectoryError)
            reason = "its folder is a file" if a_file else error.strerror
            raise BadInput(f"journal {path} cannot be written: {reason}") from None

    def _begin(self, header: Header) -> None:
        """Make the file with its first line: a run that is killed leaves a whole one or none.

        Raises:
            BadInput: it is there already.
            OSError: it cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        exists = BadInput(f"journal {self.path} exists: continue it with --formfunc-resume, or name another file")
        if os.path.lexists(self.path):
            raise exists
        scratch = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            self._file = os.open(scratch, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
            self._lock()
            _write_whole(self._file, json.dumps(header.to_json()).encode() + b"\n")
            os.fsync(self._file)
            try:
                os.link(scratch, self.path)
            except FileExistsError:
                raise exists from None
            except OSError:  # a file system without links
                os.rename(scratch, self.path)
            self._is_begun = True
        finally:
            scratch.unlink(missing_ok=True)
        _sync_folder(self.path.parent)

    def _open(self) -> None:
        """Open the file, and remove a half-written last line.

        Raises:
            BadInput: another run writes it.
            OSError: it cannot be written.
        """
        self._file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        self._lock()
        os.ftruncate(self._file, end_of_whole_lines(self.path))

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(f"journal {self.path} is being written by another run: wait for its end") from None

    @property
    def is_open(self) -> bool:
        """Return whether `close` was not called yet."""
        return self._file >= 0

    def go_on(self, header: Header) -> None:
        """Append which run continues the journal.

        Raises:
            BadInput: it cannot be written.
        """
        self._append(header.to_continue())
        if self.problem:
            raise BadInput(self.problem)

    def add(self, row: Row) -> None:
        """Append a record, unless its last line says the same."""
        self._append_new(row.record.key, row.to_json())

    def fail(self, failure: Failure) -> None:
        """Append why a case was not measured on a backend, unless its last line says the same."""
        self._append_new((failure.case, failure.backend), failure.to_json())

    def judge(self, judged: Judged) -> None:
        """Append what came of a test, unless its last line says the same."""
        self._append_new((judged.test, ""), judged.to_json())

    def take(self, keys: Iterable[tuple[str, str]]) -> None:
        """Append which rows of the run that is continued this one takes over."""
        self._append({"taken": [list(key) for key in keys]})

    def end(self, how: str, **more: Any) -> None:
        """Append how the run ended."""
        self._append({"ended": how, **more})

    def close(self) -> None:
        """Close the file; it may be called repeatedly."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _append_new(self, key: tuple[str, str], entry: dict[str, Any]) -> None:
        text = json.dumps(entry)
        if self._last.get(key) != text:
            self._last[key] = text
            self._at = round(max(time.time(), self._at + 0.001), 3)
            self._append({**entry, "at": self._at})

    def _append(self, entry: dict[str, Any]) -> None:
        """Append a line, whole or not at all; after a failure nothing more is written."""
        if self.problem or self._file < 0:
            return
        line = json.dumps(entry, allow_nan=False).encode() + b"\n"
        before = os.lseek(self._file, 0, os.SEEK_END)
        try:
            _write_whole(self._file, line)
            os.fsync(self._file)
        except OSError as error:
            self.problem = f"journal {self.path} cannot be written: {error.strerror}"
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, before)


def _write_whole(file: int, content: bytes) -> None:
    """Write all of it: a disk that is nearly full takes only a part at first.

    Raises:
        OSError: not all of it can be written.
    """
    while content:
        content = content[os.write(file, content) :]


def _sync_folder(folder: Path) -> None:
    """Make a new file's name survive a loss of power, where the file system can."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
