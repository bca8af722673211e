"""Let the signals that end a process, as build servers send them, end a session as Ctrl-C does: it cleans up."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, NoReturn

_HEEDED = (signal.SIGTERM, signal.SIGHUP)


class Signals:
    """Handlers of these signals, from the moment it is made until `close`; a project's own ones stay."""

    def __init__(self) -> None:
        """Set the handlers of signals that nobody handles or ignores, where this is the main thread."""
        self._before: dict[signal.Signals, Any] = {}
        if threading.current_thread() is not threading.main_thread():
            return
        for one in _HEEDED:
            if signal.getsignal(one) is signal.SIG_DFL:
                self._before[one] = signal.signal(one, _interrupt)

    def ignore_more(self) -> None:
        """Let no further signal interrupt cleaning up: build servers send several, a few seconds apart."""
        if threading.current_thread() is threading.main_thread():
            for one in self._before:
                if signal.getsignal(one) is _interrupt:
                    signal.signal(one, _wait_for_the_end)

    def close(self) -> None:
        """Give back the handlers; it may be called repeatedly."""
        if threading.current_thread() is not threading.main_thread():
            return
        for one, before in self._before.items():
            if signal.getsignal(one) in (_interrupt, _wait_for_the_end):
                signal.signal(one, before)
        self._before.clear()


def _wait_for_the_end(number: int, frame: FrameType | None) -> None:
    """Do nothing: the session is about to end."""


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    del frame
    raise KeyboardInterrupt(signal.Signals(number).name)
