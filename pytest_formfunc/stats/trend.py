"""Test whether one positive quantity grows with another: an exponent and a rank correlation, each with an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from pytest_formfunc.stats.correlation import ranks
from pytest_formfunc.stats.estimate import Estimate
from pytest_formfunc.stats.student import t_quantile

DRAWS = 2000
_SEED = 20107144144  # any fixed number: the same figures always give the same interval
FEWEST = 5


@dataclass(frozen=True)
class Trend:
    """How ``y`` depends on ``x`` over ``n`` pairs.

    Attributes:
        exponent: ``b`` of ``y = a x**b``.
        correlation: Spearman's rank correlation; between -1 and 1.
    """

    exponent: Estimate
    correlation: Estimate

    @property
    def answer(self) -> str:
        """Return the conclusion from both intervals: ``it grows``, ``it falls`` or ``no clear trend``.

        Both intervals must lie on the same side of 0, because a single outlier can move either of them alone.
        """
        intervals = (self.exponent, self.correlation)
        if all(one.low > 0 for one in intervals):
            return "it grows"
        if all(one.high < 0 for one in intervals):
            return "it falls"
        return "no clear trend"


def find_trend(x: Sequence[float], y: Sequence[float], level: float = 0.95) -> Trend:
    """Fit ``log y`` on ``log x`` by least squares, with Student's interval of the slope, and correlate the ranks.

    The interval of Spearman's correlation (The American Journal of Psychology 15, 1904) is a percentile bootstrap over
    the pairs.

    Args:
        x: positive values, at least `FEWEST` of them, not all equal.
        y: positive values, as many.
        level: coverage of both intervals.

    Raises:
        ValueError: too few values, ``x`` and ``y`` of different lengths, ``x`` does not vary, or a value is NaN,
            infinite, 0 or less.
    """
    count = len(x)
    if count < FEWEST or len(y) != count or len(set(x)) < 2:
        raise ValueError(f"a trend needs at least {FEWEST} pairs whose first parts differ")
    if not all(0 < one < math.inf for one in (*x, *y)):
        raise ValueError("a trend needs values that are finite and above 0")
    log_x, log_y = np.log(np.asarray(x, dtype=float)), np.log(np.asarray(y, dtype=float))
    from_mean = log_x - fmean(log_x)
    spread = float(from_mean @ from_mean)
    slope = float(from_mean @ log_y) / spread
    rest = log_y - fmean(log_y) - slope * from_mean
    reach = t_quantile(1 - level, count - 2) * math.sqrt(float(rest @ rest) / (count - 2) / spread)
    generator = np.random.default_rng(_SEED)
    drawn = generator.integers(0, count, size=(DRAWS, count))
    correlations = _spearman(log_x[drawn], log_y[drawn])
    low, high = np.nanquantile(correlations, [(1 - level) / 2, (1 + level) / 2])
    correlation = float(np.nan_to_num(_spearman(log_x, log_y)))
    return Trend(
        Estimate(slope, slope - reach, slope + reach, level, count),
        Estimate(correlation, float(low), float(high), level, count),
    )


def _spearman(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlation of the ranks along the last axis; NaN where one side does not vary."""
    first, second = ranks(x), ranks(y)
    first = first - first.mean(axis=-1, keepdims=True)
    second = second - second.mean(axis=-1, keepdims=True)
    size = np.sqrt((first**2).sum(axis=-1) * (second**2).sum(axis=-1))
    return np.asarray((first * second).sum(axis=-1) / np.where(size > 0, size, np.nan))
