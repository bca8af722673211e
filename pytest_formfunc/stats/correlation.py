"""How two quantities go together: linear and rank correlations, others held fixed if wanted, with intervals.

The interval of a linear correlation is Fisher's (Metron 1, 1921), that of a rank correlation has the variance of Bonett
and Wright (Psychometrika 65, 2000). Points that come in groups, such as depths and widths of one pattern, are not
independent: their interval is a percentile bootstrap over whole groups (Davison and Hinkley, Bootstrap Methods, 1997).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from pytest_formfunc.stats.checks import check_finite
from pytest_formfunc.stats.estimate import Estimate

Array = NDArray[np.float64]

FEWEST = 5  # points beyond the quantities held fixed
FEWEST_GROUPS = 5
DRAWS = 1000
_SEED = 19210903  # any fixed number: the same figures always give the same interval
_NEAR_ONE = 1 - 1e-12


def linear_correlation(
    x: Sequence[float],
    y: Sequence[float],
    given: Sequence[Sequence[float]] = (),
    groups: Sequence[Hashable] | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return Pearson's correlation, or the partial one with other quantities held fixed.

    Args:
        x: one quantity.
        y: the other one, as many values.
        given: quantities to hold fixed, each with as many values.
        groups: the group of each point; None if points are independent of each other.
        level: coverage of the interval.

    Raises:
        ValueError: fewer than `FEWEST` points beyond the quantities held fixed, or one that does not vary (what is left
            of it, where others are held fixed), or is NaN or infinite somewhere.

    >>> found = linear_correlation([1, 2, 3, 4, 5, 6], [2, 1, 4, 3, 6, 5])
    >>> round(found.value, 2), round(found.low, 2), round(found.high, 2)
    (0.83, 0.05, 0.98)
    """
    return _correlation(_columns(x, y, given), groups, level, lambda r: 1.0)


def rank_correlation(
    x: Sequence[float],
    y: Sequence[float],
    given: Sequence[Sequence[float]] = (),
    groups: Sequence[Hashable] | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return Spearman's correlation; arguments and errors as of `linear_correlation`.

    >>> rank_correlation([1, 2, 3, 4, 5], [1, 4, 9, 16, 25]).value > 0.999
    True
    """
    columns = [ranks(column) for column in _columns(x, y, given)]
    return _correlation(columns, groups, level, lambda r: 1 + r * r / 2)


def ranks(values: Array) -> Array:
    """Return the ranks along the last axis; equal values share the mean of their ranks."""
    one, others = values[..., :, None], values[..., None, :]
    return np.asarray((one > others).sum(axis=-1) + ((one == others).sum(axis=-1) + 1) / 2, dtype=float)


def _columns(x: Sequence[float], y: Sequence[float], given: Sequence[Sequence[float]]) -> list[Array]:
    columns = [np.asarray(one, dtype=float) for one in (x, y, *given)]
    if len({len(one) for one in columns}) != 1 or len(columns[0]) < FEWEST + len(given):
        raise ValueError(f"a correlation needs at least {FEWEST + len(given)} points, and as many values of each")
    for one in columns:
        check_finite(one)
    if any(np.ptp(one) == 0 for one in columns):
        raise ValueError("a quantity that does not vary has no correlation")
    return columns


def _correlation(
    columns: Sequence[Array], groups: Sequence[Hashable] | None, level: float, variance: Callable[[float], float]
) -> Estimate:
    value = _partial(columns)
    if math.isnan(value):
        raise ValueError("what is left of a quantity does not vary when the others are held fixed")
    count = len(columns[0])
    if groups is not None:
        return _over_groups(columns, groups, value, level)
    z = math.atanh(max(-_NEAR_ONE, min(_NEAR_ONE, value)))
    error = math.sqrt(variance(value) / (count - 3 - (len(columns) - 2)))
    reach = NormalDist().inv_cdf((1 + level) / 2) * error
    return Estimate(value, math.tanh(z - reach), math.tanh(z + reach), level, count)


def _over_groups(columns: Sequence[Array], groups: Sequence[Hashable], value: float, level: float) -> Estimate:
    members = [[at for at, one in enumerate(groups) if one == group] for group in dict.fromkeys(groups)]
    if len(members) < FEWEST_GROUPS:
        raise ValueError(f"an interval over groups needs at least {FEWEST_GROUPS} of them")
    generator = np.random.default_rng(_SEED)
    drawn = generator.multinomial(len(members), [1 / len(members)] * len(members), size=DRAWS)
    weights = np.zeros((DRAWS, len(groups)))
    for at, own in enumerate(members):
        weights[:, own] = drawn[:, [at]]
    low, high = np.nanquantile(_partial_weighted(np.column_stack(columns), weights), [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, float(low), float(high), level, len(columns[0]))


def _partial_weighted(data: Array, weights: Array) -> Array:
    """Return the correlation of the first two columns, the others held fixed, for each row of weights of the points."""
    data = data - data.mean(axis=0)
    shares = weights / weights.sum(axis=1, keepdims=True)
    means = shares @ data
    moments = np.einsum("dn,ni,nj->dij", shares, data, data, optimize=True) - means[:, :, None] * means[:, None, :]
    left = moments[:, :2, :2]
    if data.shape[1] > 2:
        across = moments[:, :2, 2:]
        left = left - across @ np.linalg.pinv(moments[:, 2:, 2:]) @ across.transpose(0, 2, 1)
    size = np.sqrt(np.maximum(left[:, 0, 0] * left[:, 1, 1], 0))
    return np.asarray(left[:, 0, 1] / np.where(size > 0, size, np.nan))


def _partial(columns: Sequence[Array]) -> float:
    """Return the correlation of what is left of the first two when the others are held fixed; NaN where nothing is."""
    x, y, *given = columns
    fixed = np.column_stack([np.ones(len(x)), *given])
    left = []
    for one in (x, y):
        rest = one - fixed @ np.linalg.lstsq(fixed, one, rcond=None)[0]
        if float(rest @ rest) <= 1e-18 * max(float(one @ one), 1e-300):
            return math.nan
        left.append(rest)
    first, second = left
    return float(first @ second / math.sqrt(float(first @ first) * float(second @ second)))
