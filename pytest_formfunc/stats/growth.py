"""Whether latencies grow from call to call: a pure function of seconds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import median

PARTS = 6  # of a launch's calls, in their order
MOST_INVERSIONS = 2  # of the 15 pairs of parts, which busy moments may turn round (Kendall's rank correlation is 0.73)
FEWEST_LAUNCHES = 2
GROWTH = 1.5  # last part / early calls; machines that slow down do not do it in each launch


def growth(launches: Sequence[Sequence[float]], early: Sequence[float]) -> float | None:
    """Return by which factor the calls of every launch grow, or None if they do not.

    The last calls must be longer than the early ones in each launch, and rise throughout in one at least.

    Args:
        launches: the seconds of the counted calls of each launch, in their order.
        early: the seconds of a call at the begin of each launch; 0 if unknown.

    >>> growth([[1.2, 1.3, 1.4, 1.7, 1.9, 2.0], [1.8, 1.8, 1.8, 1.7, 1.9, 2.2]], [1.0, 1.0])
    2.0
    >>> growth([[1.2, 1.3, 1.4, 1.7, 1.9, 2.0], [1.0, 1.1, 0.9, 1.0, 1.0, 1.0]], [1.0, 1.0]) is None
    True
    """
    if len(launches) < FEWEST_LAUNCHES or min(map(len, launches)) < PARTS or min(early) <= 0:
        return None
    factors, rises = [], False
    for calls, begin in zip(launches, early, strict=True):
        size = len(calls) / PARTS
        parts = [median(calls[round(part * size) : round((part + 1) * size)]) for part in range(PARTS)]
        rises = rises or sum(later <= one for one, later in combinations(parts, 2)) <= MOST_INVERSIONS
        factors.append(parts[-1] / begin)
    return min(factors) if rises and min(factors) >= GROWTH else None
