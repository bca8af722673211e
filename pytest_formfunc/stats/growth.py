"""Whether a series of rounds grows from call to call: a pure function of latencies."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

FEWEST_ROUNDS = 5  # of a launch, to show that it grows: by chance, one order in 120 rises throughout
FEWEST_LAUNCHES = 2
GROWTH = 1.3  # last round / first round; machines that warm up or slow down stay below, and do not do it each time


def growth(launches: Sequence[Sequence[float]]) -> float | None:
    """Return by which factor the rounds of every launch grow, or None if they do not.

    Args:
        launches: the seconds of the rounds of each launch, in their order.

    >>> growth([[1.0, 1.2, 1.4, 1.7, 2.0], [1.0, 1.3, 1.5, 1.6, 2.2]])
    2.0
    >>> growth([[1.0, 1.2, 1.4, 1.7, 2.0], [1.0, 1.1, 0.9, 1.0, 1.0]]) is None
    True
    """
    factors = [rounds[-1] / rounds[0] for rounds in launches]
    if len(launches) < FEWEST_LAUNCHES or min(factors) < GROWTH:
        return None
    for rounds in launches:
        if len(rounds) < FEWEST_ROUNDS or any(later <= earlier for earlier, later in itertools.pairwise(rounds)):
            return None
    return min(factors)
