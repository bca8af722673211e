"""Share memory between processes of one machine that prepare and measure side by side: who needs it reserves it first.

Each reservation is a file that its process has locked, so that it ends with the process, however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_formfunc.host import memory_limit
from pytest_formfunc.measure.host_lock import lock_folder, open_shared

_POLL_S = 0.1


def _free_bytes() -> int | None:
    limit = memory_limit()
    return None if limit is None else limit.bytes


class Reservations:
    """The reservations of all processes that use the same folder."""

    def __init__(
        self,
        folder: Path | None = None,
        free: Callable[[], int | None] = _free_bytes,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Take where they are.

        Args:
            folder: folder of the files; by default that of the locks on cores.
            free: returns the bytes that processes of this machine may use now; None if unknown.
            say: shows a short text while this waits.
        """
        self._folder = folder or lock_folder()
        self._free = free
        self._say = say

    @contextmanager
    def reserve(self, needed: int | None) -> Iterator[None]:
        """Wait until what all have reserved leaves room for this, and hold it.

        Where nobody else has reserved anything it does not wait: whether it fits at all is checked elsewhere
        (`check_memory`).

        Args:
            needed: bytes; nothing is reserved if it is unknown or 0.
        """
        if not needed:
            yield
            return
        said, entry = False, None
        while (entry := self._try(needed)) is None:
            if not said:
                self._say("waiting: other runs on this machine need the memory")
                said = True
            time.sleep(_POLL_S)
        if said:
            self._say("")
        path, file = entry
        try:
            yield
        finally:
            if file >= 0:
                path.unlink(missing_ok=True)
                os.close(file)

    def _try(self, needed: int) -> tuple[Path, int] | None:
        """Reserve, or return None where it does not fit; where the folder cannot be used nothing is shared."""
        name = f"memory-{secrets.token_hex(8)}"
        path = self._folder / name
        try:
            with self._alone():
                others = self._others()
                free = max((known for _, known in others), default=self._free() or 0)
                if others and free and sum(taken for taken, _ in others) + needed > free:
                    return None
                file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
                fcntl.flock(file, fcntl.LOCK_EX)
                os.write(file, f"{needed} {free}".encode())
                return path, file
        except OSError:
            return path, -1

    @contextmanager
    def _alone(self) -> Iterator[None]:
        file = open_shared(self._folder, "memory")
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)

    def _others(self) -> list[tuple[int, int]]:
        """Return what each living process has reserved, and what was free then; remove what ended ones left."""
        found = []
        for path in self._folder.glob("memory-*"):
            with contextlib.suppress(OSError, ValueError):
                file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    path.unlink()
                except BlockingIOError:
                    taken, free = map(int, os.read(file, 100).split())
                    found.append((taken, free))
                finally:
                    os.close(file)
        return found
