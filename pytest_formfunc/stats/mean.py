"""The geometric mean of ratios, with an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from pytest_formfunc.stats.estimate import Estimate


def geometric_mean(estimates: Sequence[Estimate]) -> Estimate:
    """Return the geometric mean of ratios that were measured independently of each other, but in one run.

    Their standard errors are derived from their intervals on the log scale and add in quadrature, except for the part
    that they have in common, which no mean makes smaller.

    >>> round(geometric_mean([Estimate(2.0, 1.9, 2.1), Estimate(8.0, 7.9, 8.1)]).value, 6)
    4.0
    """
    if not estimates:
        raise ValueError("the mean of nothing")
    variance = common = 0.0
    for estimate in estimates:
        reach = (math.log(estimate.high) - math.log(estimate.low)) / 2
        error = reach / NormalDist().inv_cdf((1 + estimate.level) / 2)
        variance += max(error**2 - estimate.common**2, 0.0)
        common += estimate.common
    count = len(estimates)
    level = estimates[0].level
    value = sum(math.log(estimate.value) for estimate in estimates) / count
    reach = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(variance) / count
    own = Estimate(math.exp(value), math.exp(value - reach), math.exp(value + reach), level, count)
    return own.widened(common / count)
