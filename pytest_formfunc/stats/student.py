"""Student's t: the interval of a mean of few values, exact where the values are normal.

The distribution function comes from the regularised incomplete beta function, by its continued fraction
(Abramowitz & Stegun, 26.5.8 and 26.7.1); the quantile by Newton's method. With very many degrees of freedom that
fraction loses its digits, and both come from the normal distribution (26.7.8 and 26.7.5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from statistics import NormalDist

from pytest_formfunc.stats.checks import check_finite
from pytest_formfunc.stats.estimate import Estimate

_TINY = 1e-300
_MOST_STEPS = 200  # of a search for a quantile; a few are enough
_NEARLY_NORMAL = 1e6  # degrees of freedom: from here on t is a normal value up to 1e-10 of it
_FARTHEST = 1e150  # its square is a float yet; a quantile beyond it is given as infinite

_LARGEST_LOG = math.log(1e6)  # of a ratio; an interval that reaches further is given as unknown


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Evaluate the continued fraction of the incomplete beta function (modified Lentz)."""
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    value = d
    for m in range(1, 500):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 + numerator * d
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = 1.0 + numerator / c
            c = c if abs(c) > _TINY else _TINY
            value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return value


def _incomplete_beta(a: float, b: float, x: float) -> float:
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    front = math.exp(log_front)
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(a, b, x) / a
    return 1.0 - front * _beta_fraction(b, a, 1.0 - x) / b


def _check_df(df: float) -> None:
    """Refuse degrees of freedom that no t distribution has.

    Raises:
        ValueError: NaN, infinite, or not above 0.
    """
    if not 0 < df < math.inf:
        raise ValueError(f"a t distribution has a finite number of degrees of freedom above 0, and not {df}")


def two_sided_p(t: float, df: float) -> float:
    """Return the probability that a t variable with ``df`` degrees of freedom lies further from 0 than ``t``.

    Raises:
        ValueError: ``t`` is NaN, or ``df`` is NaN, infinite, or not above 0.

    >>> round(two_sided_p(2.228, 10), 3)
    0.05
    """
    _check_df(df)
    if math.isnan(t):
        raise ValueError("t is NaN, which lies neither near 0 nor far from it")
    if df >= _NEARLY_NORMAL and abs(t) < _FARTHEST:
        return math.erfc(abs(t) * (1 - 1 / (4 * df)) / math.sqrt(2 + t * t / df))
    return _incomplete_beta(df / 2, 0.5, df / (df + t * t))


def t_quantile(alpha: float, df: float) -> float:
    """Return the ``t`` beyond which the two tails together have the probability ``alpha``.

    It is infinite where it is too large for a float, as with a tiny fraction of a degree of freedom.

    Raises:
        ValueError: ``alpha`` does not lie between 0 and 1, or ``df`` is NaN, infinite, or not above 0.

    >>> round(t_quantile(0.05, 10), 3), round(t_quantile(0.001, 4), 3)
    (2.228, 8.61)
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is a probability between 0 and 1, and not {alpha}")
    _check_df(df)
    if df >= _NEARLY_NORMAL:
        z = -NormalDist().inv_cdf(alpha / 2)
        return z + (z**3 + z) / (4 * df)
    low, t = 0.0, 1.0
    while (p := two_sided_p(t, df)) > alpha:
        low, t = t, 2 * t
        if t > _FARTHEST:
            return math.inf
    high = t
    # Newton's method on log p, which is concave, with halving where a step leaves what is known to enclose the root.
    log_density = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - math.log(df * math.pi) / 2
    for _ in range(_MOST_STEPS):
        found = (low + high) / 2
        if p > 0:
            slope = -2 * math.exp(log_density - (df + 1) / 2 * math.log1p(t * t / df) - math.log(p))
            newton = t - (math.log(p) - math.log(alpha)) / slope
            found = newton if low < newton < high else found
        if abs(found - t) <= 1e-12 * t:
            break
        t, p = found, two_sided_p(found, df)
        low, high = (t, high) if p > alpha else (low, t)
    return found


@dataclass(frozen=True)
class Mean:
    """A mean with its standard error and the degrees of freedom (``df``) of that error."""

    value: float
    standard_error: float
    df: float


def weighted_mean(values: Sequence[float], weights: Sequence[float] | None = None) -> Mean:
    """Return the weighted mean of at least two values; weights are equal by default.

    The standard error is estimated from the values' deviations from the mean, and does not assume that the weights are
    right (a sandwich estimator: White, Econometrica 48, 1980). Its degrees of freedom are the effective number of
    values ``(sum w)^2 / sum w^2`` (Kish, Survey Sampling, 1965) less one. Equal weights give the usual standard error.

    Raises:
        ValueError: a value is NaN or infinite.

    >>> weighted_mean([1.0, 2.0, 3.0]).value, round(weighted_mean([1.0, 2.0, 3.0]).standard_error, 4)
    (2.0, 0.5774)
    >>> weighted_mean([1.0, 2.0], [3.0, 1.0]).value
    1.25
    """
    check_finite(values)
    weights = weights or [1.0] * len(values)
    total = fsum(weights)
    shares = [weight / total for weight in weights]
    center = fsum(share * value for share, value in zip(shares, values, strict=True))
    squares = fsum(share**2 for share in shares)
    scatter = fsum((share * (value - center)) ** 2 for share, value in zip(shares, values, strict=True))
    return Mean(center, math.sqrt(scatter / (1 - squares)), 1 / squares - 1)


def log_interval(center: float, reach: float, level: float, n: int) -> Estimate:
    """Return the ratio whose log is ``center`` ± ``reach``; its interval is 0 to infinity where that is too wide."""
    if not reach <= _LARGEST_LOG:  # nor is it known where an infinite quantile met an error of 0
        return Estimate(math.exp(center), 0.0, math.inf, level, n)
    return Estimate(math.exp(center), math.exp(center - reach), math.exp(center + reach), level, n)
