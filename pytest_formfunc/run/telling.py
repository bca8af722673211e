"""What a person at a terminal is told while a run goes on: how long it still takes, and what it does now."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean

from pytest_formfunc.cases import Case
from pytest_formfunc.report.progress import CaseProgress
from pytest_formfunc.run.time_left import TimeLeft
from pytest_formfunc.run.work import Work


class Teller:
    """Shows short texts where somebody can see them.

    Attributes:
        left: how long the run still takes, as far as can be told.
    """

    def __init__(self, show: Callable[[str], None] | None, work: Work, clock: Callable[[], float]) -> None:
        """Take what shows a text, and clears it if the text is empty; None where nobody can see it."""
        budget_s = work.settings.budget_s  # each backend beyond the first accelerated one adds half of it
        budgets_s = [budget_s * max(2, len(backends)) / 2 for backends in work.backends.values()]
        self.left = TimeLeft(len(budgets_s), fmean(budgets_s or [0.0]), clock)
        self._show = show
        self._cases = len(work.backends)

    def say(self, text: str) -> None:
        """Show a text after the time that is left."""
        if self._show is not None:
            left = self.left.text() if text else ""
            self._show(f"{left}; {text}" if left else text)

    def progress(self, case: Case, number: int) -> CaseProgress | None:
        """Return what shows how far a case is, the number-th of the run; None where nobody can see it."""
        if self._show is None:
            return None
        return CaseProgress(self.say, f"[{number}/{max(self._cases, number)}] {case.id}")
