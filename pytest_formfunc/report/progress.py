"""One line on a person's terminal that says what is being measured; nothing in a log."""

from __future__ import annotations

import contextlib
import os
from typing import Any

_SAVE, _RESTORE_AND_CLEAR = "\0337", "\0338\033[K"


class ProgressLine:
    """Writes behind the cursor and takes it back, so that pytest's own line of dots stays whole.

    It writes to the terminal itself, because pytest captures this process' standard streams while a test runs.
    """

    def __init__(self, columns: Any) -> None:
        """Take a function that returns the free columns of the current line, or None for no terminal."""
        self._columns = columns
        self._shown = False

    @classmethod
    def for_reporter(cls, reporter: Any) -> ProgressLine:
        """Make the line for pytest's terminal reporter; silent where it does not write to a terminal."""
        if reporter is None or not reporter.isatty() or os.environ.get("TERM") == "dumb":
            return cls(None)
        writer = reporter.config.get_terminal_writer()
        return cls(lambda: writer.fullwidth - writer.width_of_current_line - 2)

    def show(self, text: str) -> None:
        """Replace what is shown; an empty text clears it."""
        if self._columns is None or not (text or self._shown):
            return
        shown = f" {text}"[: max(0, self._columns())]
        out = (_RESTORE_AND_CLEAR if self._shown else "") + (f"{_SAVE}{shown}" if text else "")
        self._shown = bool(text)
        with contextlib.suppress(OSError), open("/dev/tty", "w", encoding="utf-8") as terminal:
            terminal.write(out)
