"""The trimmed mean and its variance, on numbers with a known truth."""

import math

import numpy as np
import pytest

from pytest_formfunc.stats.trimmed import kept_rounds, trimmed_mean, trimmed_variance


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("summary", [trimmed_mean, trimmed_variance, kept_rounds])
def test_what_is_not_finite_is_refused_and_not_trimmed_away(summary, value):
    """Sorting would put it among the values that are left out."""
    with pytest.raises(ValueError, match=f"a value is {value}, and an estimate is made of finite numbers alone"):
        summary(np.array([1.0, 2.0, value, 3.0, 4.0]))


def test_one_value_has_no_variance():
    with pytest.raises(ValueError, match="at least two values"):
        trimmed_variance(np.array([1.0]))


def test_the_variance_is_yuens():
    """Of 2, 3, 4, 5 in the middle of eight values, 1 and 0 are pulled to 2, and 6 and 90 to 5."""
    pulled = np.array([2, 2, 2, 3, 4, 5, 5, 5])
    squares = float(((pulled - pulled.mean()) ** 2).sum())
    values = np.array([5.0, 0.0, 3.0, 90.0, 2.0, 4.0, 1.0, 6.0])
    assert float(trimmed_variance(values)) / 8 == pytest.approx(squares / (4 * 3))


@pytest.mark.simulation
@pytest.mark.parametrize("count", range(2, 41))
def test_the_variance_has_hardly_any_bias_for_normal_values(count):
    """It is right within 3% for every number of rounds, in 20,000 samples.

    A sample's mean is independent of the trimmed mean's distance from it, and its own variance of the trimmed one's
    share of that (Basu, Sankhya 15, 1955), so few samples show both to a few thousandths.
    """
    samples = np.random.default_rng(count).normal(0, 1, (20_000, count))
    truth = 1 / count + float(np.var(trimmed_mean(samples) - samples.mean(axis=1)))
    said = float(np.mean(trimmed_variance(samples) / samples.var(axis=1, ddof=1))) / count
    assert said == pytest.approx(truth, rel=0.03)


@pytest.mark.simulation
@pytest.mark.parametrize("count", [4, 5, 6, 8, 12, 15, 16, 24, 36])
@pytest.mark.parametrize("kind", ["Student's t", "a tenth is three times as wide"])
def test_nor_has_it_for_values_with_heavier_tails(kind, count):
    """It is right within 6% for Student's t with five degrees of freedom, and for a mixture, in 60,000 samples."""
    generator = np.random.default_rng(count)
    samples = generator.standard_t(5, (60_000, count))
    if kind != "Student's t":
        samples = generator.normal(0, 1, (60_000, count))
        samples *= np.where(generator.random((60_000, count)) < 0.1, 3.0, 1.0)
    said = float(np.mean(trimmed_variance(samples))) / count
    assert said == pytest.approx(float(np.var(trimmed_mean(samples))), rel=0.06)
