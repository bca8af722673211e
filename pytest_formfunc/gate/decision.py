"""Turn an estimated change into a status: a change counts if it is both real and big enough."""

from __future__ import annotations

import math
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


def decide(change: ChangeLike, threshold: float, alpha: float, looks: int = 1) -> str:
    """Return the status after one look at a comparison.

    ``regressed`` and ``improved`` need two things: the measured change is at least the threshold, and its interval of
    coverage 1 - 2 ``alpha`` excludes 1. ``unchanged``: the measured change is below the threshold, and its interval
    of coverage 1 - 0.05 / ``looks`` excludes twice the threshold. Everything else is ``inconclusive``, which asks for
    another look.

    Args:
        change: the estimated change.
        threshold: the loss of speedup that counts, as a fraction.
        alpha: the probability that this look finds unchanged code slower. It finds unchanged code faster with the same
            probability, which is not a false alarm.
        looks: how many looks at the comparison there may be.
    """
    if not change.enough:
        return "inconclusive"
    log_threshold = -math.log1p(-threshold)
    shown = change.estimate
    if abs(math.log(shown.value)) >= log_threshold:
        if alpha <= 0:
            return "inconclusive"
        interval = change.interval(2 * alpha)
        if interval.low <= 1 <= interval.high:
            return "inconclusive"
        return "regressed" if shown.value < 1 else "improved"
    ruled_out = math.exp(-2 * log_threshold)
    sure = change.interval(0.05 / looks)
    if sure.low > ruled_out and sure.high < 1 / ruled_out:
        return "unchanged"
    return "inconclusive"


def smallest_seen(standard_error: float, critical: float, df: float, power_z: float) -> float:
    """Return the smallest loss, as a fraction, that a t test detects with a given power.

    The noncentral t distribution is approximated by Abramowitz & Stegun, 26.7.10.

    Args:
        standard_error: of the log change.
        critical: critical value of the test.
        df: degrees of freedom.
        power_z: normal quantile of the power.
    """
    spread = math.sqrt(1 + critical**2 / (2 * df))
    shift = critical * (1 - 1 / (4 * df)) + power_z * spread
    return -math.expm1(-shift * standard_error)
