"""What a command prints: a reader that goes away, or a full disk, changes nothing of what it finds."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable
from typing import TextIO


class Output(io.TextIOBase):
    """Standard output whose reader may go away, as head does: the exit code is the verdict's all the same.

    Attributes:
        problem: why something could not be written, unless the reader has gone; else empty.
    """

    def __init__(self) -> None:
        """Take this process' standard output."""
        self.problem = ""
        self._out: TextIO | None = sys.stdout
        if isinstance(sys.stdout, io.TextIOWrapper):  # names that a terminal's encoding lacks are written out
            sys.stdout.reconfigure(errors="backslashreplace")

    def write(self, text: str) -> int:
        """Write a text, unless nobody reads any more."""
        self._try(lambda out: out.write(text))
        return len(text)

    def flush(self) -> None:
        """Write out what is buffered."""
        self._try(lambda out: out.flush())

    def _try(self, act: Callable[[TextIO], object]) -> None:
        if self._out is None:
            return
        try:
            act(self._out)
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.problem = error.strerror or str(error)
            self._out = None
            with contextlib.suppress(OSError, ValueError):  # or Python would try again when it ends
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
