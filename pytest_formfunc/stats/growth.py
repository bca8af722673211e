"""Whether latencies grow from call to call: pure functions of seconds."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_formfunc.stats.quantiles import median

PARTS = 6  # of a launch's calls, in their order
SUSPECT = 1.5  # last part / early calls: machines that slow down do that too, so this only asks for a second look
GROWN = 2.0  # what a process takes after many more calls / what it took before
STRAY_PAIRS = 1  # of the pairs of turns on either side, which a busy moment may turn round


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


def grown(before: Sequence[float], after: Sequence[float]) -> float | None:
    """Return by which factor many more calls have made a process slower, or None if they have not.

    Two processes of one network differ, by half and more, in where their memory lies; so they are not compared with
    each other, but each with itself.

    Args:
        before: of each pair of turns, the seconds of a call of the process over those of another one, called in turn
            with it. A machine that is busy or slow is so for both of a pair.
        after: the same, when the process has made many more calls, and the other one hardly any.

    >>> grown([0.5, 0.6, 0.5, 2.9, 0.4], [1.1, 1.2, 0.3, 1.0, 1.1])
    2.2
    >>> grown([1.7, 1.8, 1.6, 1.7, 1.9], [1.8, 1.6, 1.7, 1.7, 1.8]), grown([1.0] * 5, [2.0, 2.0, 2.0, 1.0, 1.0])
    (None, None)
    """
    earlier, later = median(before), median(after)
    middle = (earlier * later) ** 0.5
    strays = sum(one > middle for one in before), sum(one < middle for one in after)
    if later < GROWN * earlier or max(strays) > STRAY_PAIRS:
        return None
    return later / earlier
