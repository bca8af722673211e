"""Student's t against published tables."""

import math
import random
from statistics import NormalDist

import pytest

from pytest_formfunc.stats.student import log_interval, t_quantile, two_sided_p, weighted_mean

# NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2 (upper tail areas 0.05, 0.025, 0.005, 0.001).
# https://www.itl.nist.gov/div898/handbook/eda/section3/eda3672.htm
TABLE = {
    1: (6.314, 12.706, 63.657, 318.309),
    2: (2.920, 4.303, 9.925, 22.327),
    5: (2.015, 2.571, 4.032, 5.893),
    10: (1.812, 2.228, 3.169, 4.144),
    30: (1.697, 2.042, 2.750, 3.385),
    100: (1.660, 1.984, 2.626, 3.174),
}


@pytest.mark.parametrize("df", TABLE)
def test_quantiles_are_those_of_the_published_table(df):
    """They agree to the table's three decimals."""
    for upper_tail, published in zip((0.05, 0.025, 0.005, 0.001), TABLE[df], strict=True):
        assert t_quantile(2 * upper_tail, df) == pytest.approx(published, abs=6e-4)


@pytest.mark.parametrize("df", [1, 3, 17, 250])
@pytest.mark.parametrize("alpha", [0.5, 0.05, 1e-4, 1e-8])
def test_quantile_and_chance_undo_each_other(alpha, df):
    """This holds far out in the tail too, where the gate's levels lie."""
    assert two_sided_p(t_quantile(alpha, df), df) == pytest.approx(alpha, rel=1e-6)


@pytest.mark.simulation
def test_the_interval_of_few_launches_covers_the_truth_at_its_level():
    """The 95% interval of five normal values covers the true ratio in about 95% of 2000 draws."""
    generator = random.Random(1)
    held = 0
    for _ in range(2000):
        mean = weighted_mean([generator.gauss(0.1, 0.03) for _ in range(5)])
        reach = t_quantile(0.05, mean.df) * mean.standard_error
        held += abs(mean.value - 0.1) <= reach
    assert 0.935 <= held / 2000 <= 0.965


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, math.inf, math.nan])
def test_an_invalid_level_is_refused(alpha):
    """A probability of 0 or 1 has no quantile, nor has what is no probability."""
    with pytest.raises(ValueError, match=f"alpha is a probability between 0 and 1, and not {alpha}"):
        t_quantile(alpha, 3)


@pytest.mark.parametrize("df", [0, -1.0, math.inf, math.nan])
def test_degrees_of_freedom_that_no_distribution_has_are_refused(df):
    """The normal distribution is none of Student's, and NaN compares with nothing."""
    with pytest.raises(ValueError, match=f"a finite number of degrees of freedom above 0, and not {df}"):
        t_quantile(0.05, df)
    with pytest.raises(ValueError, match=f"a finite number of degrees of freedom above 0, and not {df}"):
        two_sided_p(2.0, df)


def test_nan_has_no_probability():
    """Infinity has: nothing lies further from 0."""
    with pytest.raises(ValueError, match="t is NaN"):
        two_sided_p(math.nan, 3)
    assert two_sided_p(math.inf, 3) == two_sided_p(math.inf, 1e7) == 0.0


@pytest.mark.parametrize("alpha", [0.5, 0.05, 1e-8])
@pytest.mark.parametrize("df", [9.99e5, 1e6, 1e9, 1e15, 1e300])
def test_very_many_degrees_of_freedom_are_nearly_a_normal_distribution(alpha, df):
    """The quantile is that of the normal one up to a part in a million, and undoes the chance as everywhere."""
    t = t_quantile(alpha, df)
    assert t == pytest.approx(-NormalDist().inv_cdf(alpha / 2), rel=1e-5)
    assert two_sided_p(t, df) == pytest.approx(alpha, rel=1e-6)
    assert two_sided_p(-t, df) == two_sided_p(t, df)


def test_a_quantile_too_large_for_a_float_is_infinite():
    """An interval of it is open, also where the values do not scatter at all."""
    assert t_quantile(0.05, 0.001) == math.inf
    wide = log_interval(0.1, t_quantile(0.05, 0.001) * 0.0, 0.95, 2)
    assert (wide.low, wide.high) == (0.0, math.inf)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_mean_is_made_of_what_is_not_finite(value):
    """It would be as little finite, whatever the other values are."""
    with pytest.raises(ValueError, match=f"a value is {value}, and an estimate is made of finite numbers alone"):
        weighted_mean([0.1, value, 0.2])


def test_two_values_that_differ_wildly_have_an_interval():
    """Student's t at one degree of freedom and a tiny level is too large for a float, so the interval is open."""
    mean = weighted_mean([0.0, 0.9])
    wide = log_interval(mean.value, t_quantile(1e-9, mean.df) * mean.standard_error, 1 - 1e-9, 2)
    assert wide.value == pytest.approx(math.exp(0.45))
    assert wide.low == 0.0
    assert math.isinf(wide.high)
