"""Whether latencies grow from call to call: pure functions of seconds."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

PARTS = 6  # of a launch's calls, in their order
SUSPECT = 1.3  # last part / early calls: machines that slow down do that too, so this only asks for a second look
GROWN = 1.5  # a process that has made many calls / one that begins, called in turn
STRAY_PAIRS = 1  # of the pairs of turns, which a busy moment may turn round


def may_grow(calls: Sequence[float], early: float) -> bool:
    """Return whether the last calls of a launch are longer than its early or first ones, for whatever reason.

    Args:
        calls: the seconds of its counted calls, in their order.
        early: the seconds of a call at its begin; 0 if unknown.

    >>> may_grow([1.1, 1.2, 1.3, 1.4, 1.5, 1.6], 1.0), may_grow([1.6, 1.0, 1.0, 1.0, 1.1, 1.1], 1.0)
    (True, False)
    """
    if early <= 0 or len(calls) < PARTS:
        return False
    part = max(1, len(calls) // PARTS)
    # A busy moment may make either of the two long.
    return median(calls[-part:]) >= SUSPECT * min(early, median(calls[:part]))


def grown(ratios: Sequence[float]) -> float | None:
    """Return by which factor a process that has made many calls is slower than one that begins, or None if it is not.

    Args:
        ratios: of each pair of turns, the seconds of a call of the one over those of the other. A machine that is busy
            or slow is so for both of a pair.

    >>> grown([2.0, 2.2, 2.1, 1.9, 2.4, 0.8, 2.3]), grown([2.0, 1.0, 1.0, 2.2, 1.1, 1.9, 2.1]), grown([1.1] * 7)
    (2.1, None, None)
    """
    if sum(ratio < SUSPECT for ratio in ratios) > STRAY_PAIRS or median(ratios) < GROWN:
        return None
    return median(ratios)
