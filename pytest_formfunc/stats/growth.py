"""Whether latencies grow from call to call: a pure function of seconds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

PARTS = 6  # of a launch's calls, in their order; by chance, one order in 720 rises throughout
FEWEST_LAUNCHES = 2
GROWTH = 1.3  # last part / first part; machines that warm up or slow down stay below, and do not do it each time


def growth(launches: Sequence[Sequence[float]]) -> float | None:
    """Return by which factor the calls of every launch grow, or None if they do not.

    Args:
        launches: the seconds of the calls of each launch, in their order.

    >>> growth([[1.0, 1.2, 1.4, 1.7, 1.9, 2.0], [1.0, 1.3, 1.5, 1.6, 1.8, 2.2]])
    2.0
    >>> growth([[1.0, 1.2, 1.4, 1.7, 1.9, 2.0], [1.0, 1.1, 0.9, 1.0, 1.0, 1.0]]) is None
    True
    """
    if len(launches) < FEWEST_LAUNCHES or min(map(len, launches)) < PARTS:
        return None
    factors = []
    for calls in launches:
        size = len(calls) / PARTS
        parts = [median(calls[round(part * size) : round((part + 1) * size)]) for part in range(PARTS)]
        if any(later <= earlier for earlier, later in pairwise(parts)):
            return None
        factors.append(parts[-1] / parts[0])
    return min(factors) if min(factors) >= GROWTH else None
