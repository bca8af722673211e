"""Correlations and fits against data whose answer is known, and against scipy's figures written down here."""

import math

import numpy as np
import pytest

from pytest_formfunc.stats.correlation import linear_correlation, rank_correlation
from pytest_formfunc.stats.regression import fit_linear


def drawn(seed=0, count=40):
    return np.random.default_rng(seed).normal(size=(6, count))


def test_correlations_are_numpys_and_of_the_ranks():
    x, noise, *_ = drawn()
    y = x + noise
    assert linear_correlation(x, y).value == pytest.approx(float(np.corrcoef(x, y)[0, 1]))
    of_ranks = float(np.corrcoef(np.argsort(np.argsort(x)), np.argsort(np.argsort(y)))[0, 1])
    assert rank_correlation(x, y).value == pytest.approx(of_ranks)
    assert rank_correlation(np.exp(x), y**3).value == pytest.approx(of_ranks)


def test_partial_correlation_takes_away_what_both_have_from_a_third():
    third, one, other, *_ = drawn(count=200)
    x, y = 3 * third + one, 3 * third + other
    assert linear_correlation(x, y).low > 0.8
    partial = linear_correlation(x, y, given=[third])
    assert partial.low < 0 < partial.high
    assert partial.value == pytest.approx(
        float(np.corrcoef(*(one - np.polyval(np.polyfit(third, one, 1), third) for one in (x, y)))[0, 1])
    )


@pytest.mark.simulation
def test_intervals_hold_the_truth_in_about_95_of_100():
    truth, held = 0.6, {"linear": 0, "groups": 0}
    for seed in range(200):
        generator = np.random.default_rng(seed)
        x, y = generator.multivariate_normal([0, 0], [[1, truth], [truth, 1]], 60).T
        found = linear_correlation(x, y)
        held["linear"] += found.low <= truth <= found.high
        grouped = linear_correlation(x, y, groups=[at // 4 for at in range(60)])
        held["groups"] += grouped.low <= truth <= grouped.high
    assert held["linear"] >= 180
    assert held["groups"] >= 175  # a bootstrap of few groups is a little narrow


def test_groups_of_equal_points_are_worth_one_point_each():
    x, y, *_ = drawn(count=8)
    alone = rank_correlation(x, y, groups=range(8))
    repeated = rank_correlation(np.repeat(x, 5), np.repeat(y, 5), groups=[at // 5 for at in range(40)])
    assert repeated.value == pytest.approx(alone.value)
    assert repeated.high - repeated.low == pytest.approx(alone.high - alone.low, rel=0.2)


@pytest.mark.parametrize(
    ("x", "y", "given", "message"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], [], "at least 5 points"),
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, 6], [[1, 5, 2, 4, 3]], "at least 6 points"),
        ([1, 1, 1, 1, 1], [1, 2, 3, 4, 5], [], "does not vary"),
        ([1, 2, 3, 4, 5, 6], [6, 1, 5, 2, 4, 3], [[2, 4, 6, 8, 10, 12]], "does not vary when the others"),
    ],
)
def test_what_has_no_correlation_says_why(x, y, given, message):
    with pytest.raises(ValueError, match=message):
        linear_correlation(x, y, given)


def test_fit_finds_its_coefficients():
    one, other, noise, *_ = drawn(count=120)
    found = fit_linear(2 * one - 0.5 * other + 0.3 * noise, {"one": one, "other": other})
    assert found.coefficients["one"].low < 2 < found.coefficients["one"].high
    assert found.coefficients["other"].low < -0.5 < found.coefficients["other"].high
    assert 0.9 < found.explained < 1
    assert found.only["one"] > found.only["other"] > 0


@pytest.mark.simulation
def test_fit_of_grouped_points_is_not_surer_than_it_may_be():
    """Points of a group share an error and the column: as if independent, 0 is left out far too often."""
    outside = {"groups": 0, "points": 0}
    for seed in range(200):
        generator = np.random.default_rng(seed)
        group = np.repeat(np.arange(16), 9)
        x = generator.normal(size=16)[group]
        y = generator.normal(size=16)[group] + 0.3 * generator.normal(size=144)
        for name, groups in (("groups", list(group)), ("points", None)):
            slope = fit_linear(y, {"x": x}, groups).coefficients["x"]
            outside[name] += not slope.low <= 0 <= slope.high
    assert outside["groups"] <= 24
    assert outside["points"] > 80


def test_columns_that_say_the_same_are_refused():
    one, other, noise, *_ = drawn()
    with pytest.raises(ValueError, match="one, same vary so much alike"):
        fit_linear(noise, {"one": one, "same": one + 0.001 * other})
    with pytest.raises(ValueError, match="one does not vary"):
        fit_linear(noise, {"one": [1.0] * 40, "other": other})
    with pytest.raises(ValueError, match="at least 5 points"):
        fit_linear([1, 2, 3, 4], {"one": [1, 2, 3, 4]})
    with pytest.raises(ValueError, match="does not vary"):
        fit_linear([1.0] * 40, {"one": one})


def test_exact_fit_has_no_width():
    found = fit_linear([math.pi * at for at in range(6)], {"at": range(6)})
    assert found.coefficients["at"].value == pytest.approx(math.pi)
    assert found.explained == pytest.approx(1)
