"""About how long a run still prepares and measures, for a person who waits at a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class TimeLeft:
    """Tells from what cases have taken so far, and before one has ended from the budget, which is the most.

    Attributes:
        budget_s: the most seconds that measuring a case takes; 0 where none is timed.
    """

    def __init__(self, cases: int, budget_s: float, clock: Callable[[], float]) -> None:
        """Take the number of all cases, the budget of one, and a clock that returns seconds."""
        self._cases = cases
        self._clock = clock
        self.budget_s = budget_s
        self._prepared = self._measured = 0
        self._spent_s = {"preparing": 0.0, "measuring": 0.0}
        self._running: tuple[str, float] | None = None

    def note_preparing(self, prepared: int) -> None:
        """Note that so many cases are prepared, and that the next one begins."""
        if self._running is None or self._running[0] != "preparing":
            self._begin("preparing")
        self._prepared = prepared

    @contextmanager
    def measuring(self, cases: int) -> Iterator[None]:
        """Note that so many cases are measured in turn."""
        self._begin("measuring")
        try:
            yield
        finally:
            self._begin(None)
            self._measured += cases
            self._prepared = max(self._prepared, self._measured)

    def text(self) -> str:
        """Return ``about 3 min left``, or nothing while that cannot be told.

        >>> left = TimeLeft(4, 60.0, lambda: 0.0)
        >>> left.text()
        ''
        """
        preparing = self._elapsed("preparing")
        if not self._prepared or (self._cases > self._prepared and not preparing):
            return ""
        seconds = preparing / self._prepared * max(0, self._cases - self._prepared)
        running = self._running_s("measuring")
        each = self._spent_s["measuring"] / self._measured if self._measured else self.budget_s
        seconds += max(0.0, each * max(0, self._cases - self._measured) - running)
        return f"about {_rough(seconds)} left"

    def _begin(self, stage: str | None) -> None:
        now = self._clock()
        if self._running is not None:
            name, began = self._running
            self._spent_s[name] += now - began
        self._running = (stage, now) if stage is not None else None

    def _running_s(self, stage: str) -> float:
        return self._clock() - self._running[1] if self._running is not None and self._running[0] == stage else 0.0

    def _elapsed(self, stage: str) -> float:
        return self._spent_s[stage] + self._running_s(stage)


def _rough(seconds: float) -> str:
    """Return seconds as a person says them.

    >>> [_rough(one) for one in (4, 33, 89, 200, 4000)]
    ['10 s', '40 s', '90 s', '4 min', '67 min']
    """
    tens = -(-max(seconds, 1) // 10) * 10
    return f"{tens:.0f} s" if tens <= 90 else f"{-(-seconds // 60):.0f} min"
