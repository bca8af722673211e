"""Turn an estimated change into a status: a change counts if it is both real and big enough."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from pytest_formfunc.stats import Estimate

# The verb that a sentence about a speedup uses for each status.
VERBS = {
    "regressed": "lost speedup",
    "improved": "gained speedup",
    "unchanged": "kept its speedup",
    "inconclusive": "may have changed its speedup",
}


class ChangeLike(Protocol):
    """An estimated change of a speedup, as a ratio; above 1 is a gain."""

    @property
    def enough(self) -> bool:
        """Return whether there are enough launches to decide anything."""

    @property
    def estimate(self) -> Estimate:
        """Return the change with its 95% interval."""

    def interval(self, alpha: float) -> Estimate:
        """Return the change with its interval of coverage 1 - ``alpha``."""


@dataclass(frozen=True)
class Locks:
    """Where a verdict turns, in multiples of the threshold, on the log scale.

    Attributes:
        lost: a measured loss of at least this counts, if it is real.
        kept: a measured loss below this is none, if ``ruled_out`` is ruled out. Between the two it is not decided.
        ruled_out: the loss that ``unchanged`` rules out.
        miss: the probability with which all looks together may rule it out wrongly, shared out among them.
        meaning: what the threshold means, as the end of a sentence.
    """

    lost: float
    kept: float
    ruled_out: float
    miss: float
    meaning: str

    def least(self, threshold: float) -> float:
        """Return the measured loss that counts, as a log, for a threshold given as a fraction."""
        return -self.lost * math.log1p(-threshold)


# `bench/test_power.py` simulates both; docs/measuring.md has its table and what else was tried.
FOUND = Locks(2 / 3, 1 / 2, 4 / 3, 0.1, "such a loss fails nine times in ten where time suffices")
MEASURED = Locks(1.0, 1.0, 2.0, 0.05, "a measured loss of at least that fails")
LOCKS = {"found": FOUND, "measured": MEASURED}


def decide(change: ChangeLike, threshold: float, alpha: float, looks: int = 1, locks: Locks = FOUND) -> str:
    """Return the status after one look at a comparison.

    ``regressed`` and ``improved`` need two things: the measured change is big enough (``locks.lost``), and its interval
    of coverage 1 - 2 ``alpha`` excludes 1. ``unchanged``: the measured change is small (``locks.kept``), and its
    interval of coverage 1 - ``locks.miss`` / ``looks`` excludes ``locks.ruled_out``. Everything else is
    ``inconclusive``, which asks for another look.

    Args:
        change: the estimated change.
        threshold: the loss of speedup that counts, as a fraction.
        alpha: the probability that this look finds unchanged code slower. It finds unchanged code faster with the same
            probability, which is not a false alarm.
        looks: how many looks at the comparison there may be.
        locks: where the verdict turns.
    """
    if not change.enough:
        return "inconclusive"
    log_threshold = -math.log1p(-threshold)
    shown = change.estimate
    moved = abs(math.log(shown.value)) / log_threshold
    if moved >= locks.lost:
        if alpha <= 0:
            return "inconclusive"
        interval = change.interval(2 * alpha)
        if interval.low <= 1 <= interval.high:
            return "inconclusive"
        return "regressed" if shown.value < 1 else "improved"
    if moved >= locks.kept:
        return "inconclusive"
    ruled_out = math.exp(-locks.ruled_out * log_threshold)
    sure = change.interval(locks.miss / looks)
    if sure.low > ruled_out and sure.high < 1 / ruled_out:
        return "unchanged"
    return "inconclusive"


def smallest_seen(standard_error: float, critical: float, df: float, power_z: float, least: float = 0.0) -> float:
    """Return the smallest loss, as a fraction, that is found with a given power.

    Two things must hold: a t test finds it real, and it is measured as at least ``least``.

    The noncentral t distribution is approximated by Abramowitz & Stegun, 26.7.10.

    Args:
        standard_error: of the log change.
        critical: critical value of the test.
        df: degrees of freedom.
        power_z: normal quantile of the power.
        least: the measured loss that counts, as a log; 0 if every one does.
    """
    spread = math.sqrt(1 + critical**2 / (2 * df))
    shift = critical * (1 - 1 / (4 * df)) + power_z * spread
    return -math.expm1(-max(shift * standard_error, least + power_z * standard_error))
