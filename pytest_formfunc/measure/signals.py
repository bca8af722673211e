"""Let the signals that end a process, as build servers send them, end a session as Ctrl-C does: it cleans up."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Any

_HEEDED = (signal.SIGTERM, signal.SIGHUP)
# Senders repeat themselves within moments; who still sends later means a session that did not end for the first one.
_REPEATED_S = 30.0


class Signals:
    """Handlers of these signals, from the moment it is made until `close`; a project's own ones stay."""

    def __init__(self) -> None:
        """Set the handlers of signals that nobody handles or ignores, where this is the main thread."""
        self._before: dict[signal.Signals, Any] = {}
        self._interrupted_at = float("-inf")
        self._is_ending = False
        if threading.current_thread() is not threading.main_thread():
            return
        for one in _HEEDED:
            if signal.getsignal(one) is signal.SIG_DFL:
                self._before[one] = signal.signal(one, self._interrupt)

    def ignore_more(self) -> None:
        """Let no further signal interrupt cleaning up and reporting."""
        self._is_ending = True

    def heed_again(self) -> None:
        """Let the next signal interrupt what may be interrupted after all."""
        self._is_ending = False

    def close(self) -> None:
        """Give back the handlers; where a signal is being obeyed, ignore its repetitions until this process has ended.

        It may be called repeatedly.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        for one, before in self._before.items():
            if signal.getsignal(one) == self._interrupt:
                signal.signal(one, signal.SIG_IGN if self._is_obeying() else before)
        self._before.clear()

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        """Interrupt as Ctrl-C does; a repetition would interrupt what reports the first one."""
        del frame
        if not self._is_ending and not self._is_obeying():
            self._interrupted_at = time.clock_gettime(time.CLOCK_MONOTONIC)
            raise KeyboardInterrupt(signal.Signals(number).name)

    def _is_obeying(self) -> bool:
        return time.clock_gettime(time.CLOCK_MONOTONIC) < self._interrupted_at + _REPEATED_S
