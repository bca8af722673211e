"""Two locks and a level: from an estimated change to a status."""

from __future__ import annotations

import math
from typing import Protocol

from pytest_formfunc.stats import Estimate

# What a sentence says of a speedup with each status.
VERBS = {
    "regressed": "lost speedup",
    "improved": "gained speedup",
    "unchanged": "kept its speedup",
    "inconclusive": "may have changed its speedup",
}


class ChangeLike(Protocol):
    """A change of speedup, estimated one way or another; above 1 is a gain."""

    @property
    def enough(self) -> bool:
        """Return whether there are launches enough to decide anything."""

    @property
    def estimate(self) -> Estimate:
        """Return the change with its 95% interval."""

    def interval(self, alpha: float) -> Estimate:
        """Return the change with the interval of chance 1 - ``alpha``."""


def decide(change: ChangeLike, threshold: float, alpha: float, looks: int = 1) -> str:
    """Return the status at one look.

    ``alpha`` is the chance that unchanged code looks slower for sure; that it looks faster for sure is no alarm and
    has the same chance beside it. ``regressed`` and ``improved`` need both locks: at least the threshold, and an
    interval of chance 1 - 2 ``alpha`` without 1. ``unchanged``: less than the threshold was measured, and the
    interval of chance 1 - 0.05 / ``looks``, of which there may be so many, rules out twice the threshold. All else is
    ``inconclusive``, which asks for another look.
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
    """Return the loss, as a fraction, that a t test sees with the chance whose normal quantile is ``power_z``.

    The noncentral t is approximated by Abramowitz & Stegun, 26.7.10.
    """
    spread = math.sqrt(1 + critical**2 / (2 * df))
    shift = critical * (1 - 1 / (4 * df)) + power_z * spread
    return -math.expm1(-shift * standard_error)
