"""One line on a person's terminal that says what is being measured and how far it is; nothing in a log."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

from pytest_formfunc.measure.series import Measurement
from pytest_formfunc.text import printable
from pytest_formfunc.units import format_ratio

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

    @property
    def seen(self) -> bool:
        """Return whether anybody can see the line: composing its text costs time."""
        return self._columns is not None

    def show(self, text: str) -> None:
        """Replace what is shown; an empty text clears it."""
        if self._columns is None or not (text or self._shown):
            return
        shown = f" {printable(text)}"[: max(0, self._columns())]
        out = (_RESTORE_AND_CLEAR if self._shown else "") + (f"{_SAVE}{shown}" if text else "")
        self._shown = bool(text)
        with contextlib.suppress(OSError), open("/dev/tty", "w", encoding="utf-8") as terminal:
            terminal.write(out)


class CaseProgress:
    """Says before each round of a case how far it is, and how fast it was found to be so far."""

    def __init__(self, show: Callable[[str], None], title: str) -> None:
        """Take where the text is shown, and what it begins with."""
        self._show = show
        self._title = title
        self._launch = 0
        self._speedups = ""

    def __call__(self, measurement: Measurement, launch: int, round_index: int, rounds: int) -> None:
        """Show the text; speedups are estimated once a launch, for an estimate takes longer than some rounds."""
        if launch != self._launch:
            self._launch, self._speedups = launch, _speedups(measurement)
        self._show(f"{self._title}: launch {launch}, round {round_index + 1} of {rounds}{self._speedups}")


def _speedups(measurement: Measurement) -> str:
    texts = []
    for participant, series in measurement.series.items():
        if not participant.is_native and not participant.keeps and participant.here and len(series.launches) >= 2:
            estimate = measurement.ranked_speedup(participant)
            texts.append(f"{participant} {format_ratio(estimate.value)} ±{estimate.half_width:.1%}")
    return f"; {', '.join(texts)}" if texts else ""
