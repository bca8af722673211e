"""End a worker that has gone silent: otherwise the controller waits for ever for a stopped process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from pytest_formfunc.clock import now_s

_LOOK_EVERY_S = 1.0
_SLEPT_S = 10.0  # a look that comes so late shows that this process itself was stopped


class Watchdog:
    """Knows when each worker was last heard of."""

    def __init__(self, limit_s: float, end: Callable[[str, float], None], clock: Callable[[], float] = now_s) -> None:
        """Take how long a worker may be silent.

        Args:
            limit_s: seconds.
            end: ends a worker, given its name and the seconds of silence.
            clock: returns the time in seconds.
        """
        self._limit_s = limit_s
        self._end = end
        self._clock = clock
        self._heard: dict[str, float] = {}
        self._looked = clock()
        self._closed = threading.Event()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to look, in a thread."""
        threading.Thread(target=self._watch, daemon=True).start()

    def hear(self, worker: str) -> None:
        """Note that something came from a worker."""
        with self._lock:
            self._heard[worker] = self._clock()

    def forget(self, worker: str) -> None:
        """Note that a worker has ended."""
        with self._lock:
            self._heard.pop(worker, None)

    def look(self) -> None:
        """End every worker that was silent for too long, unless this process itself was stopped meanwhile."""
        with self._lock:
            now = self._clock()
            slept, self._looked = now - self._looked > _SLEPT_S, now
            if slept:
                self._heard = dict.fromkeys(self._heard, now)
            silent = {name: now - heard for name, heard in self._heard.items() if now - heard > self._limit_s}
            for name in silent:
                del self._heard[name]
        for name, seconds in silent.items():
            self._end(name, seconds)

    def close(self) -> None:
        """Stop looking."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(_LOOK_EVERY_S):
            self.look()


def kill(gateway: Any) -> None:
    """Kill the process behind an execnet gateway: a worker of this machine, or the connection to another.

    execnet has no public way that works where the other end does not answer.
    """
    with contextlib.suppress(AttributeError, OSError):
        gateway._io.popen.kill()
