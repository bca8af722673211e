import math

import numpy as np
import pytest

from pytest_formfunc.stats import Estimate, quantile, speedup_estimate
from pytest_formfunc.stats.bootstrap import log_ratio, log_ratio_draws, paired_log_ratios
from pytest_formfunc.stats.mean import geometric_mean


def simulate(generator, launches, rounds, launch_sd, round_sd, ratio=2.0):
    """Make paired samples whose true ratio is known; the machine's speed affects both sides of a round."""
    mood = np.exp(generator.normal(0, 0.3, size=(launches, rounds)))
    between = np.exp(generator.normal(0, launch_sd, size=(launches, 1)))
    within = np.exp(generator.normal(0, round_sd, size=(launches, rounds)))
    native = ratio * mood * between * within
    return native.tolist(), mood.tolist()


def test_ratio_of_exact_samples_is_exact():
    """Without noise the interval has no width."""
    estimate = speedup_estimate([[6.0, 3.0], [9.0, 6.0], [3.0, 3.0]], [[2.0, 1.0], [3.0, 2.0], [1.0, 1.0]])
    assert estimate.value == pytest.approx(3.0)
    assert estimate.low == pytest.approx(3.0)
    assert estimate.high == pytest.approx(3.0)
    assert (estimate.n, estimate.level) == (3, 0.95)


def test_what_affects_both_sides_of_a_round_cancels():
    """A machine that is twice as slow in one round does not change the ratio."""
    steady = log_ratio([[4.0, 4.0, 4.0]], [[2.0, 2.0, 2.0]])
    moody = log_ratio([[4.0, 8.0, 40.0]], [[2.0, 4.0, 20.0]])
    assert moody == pytest.approx(steady)


def test_one_outlying_round_does_not_move_the_estimate():
    """A launch is represented by the trimmed mean of its rounds."""
    assert log_ratio([[4.0, 4.0, 400.0, 4.0]], [[2.0, 2.0, 2.0, 2.0]]) == pytest.approx(math.log(2.0))


def test_one_launch_has_no_interval():
    """A single process says nothing about how processes differ."""
    estimate = speedup_estimate([[4.0, 4.1, 3.9]], [[2.0, 2.0, 2.0]])
    assert (estimate.low, estimate.high) == (0.0, math.inf)
    assert estimate.half_width == math.inf


def test_draws_are_the_same_each_time():
    """The same samples always give the same interval."""
    samples = [[4.0, 4.2, 3.9], [4.1, 4.4, 4.0]], [[2.0, 2.1, 2.0], [2.0, 2.0, 2.1]]
    assert np.array_equal(log_ratio_draws(*samples), log_ratio_draws(*samples))


def test_more_launches_narrow_the_interval_and_more_rounds_hardly():
    """Where processes differ, the number of launches decides the interval's width."""
    generator = np.random.default_rng(1)
    few = speedup_estimate(*simulate(generator, 3, 8, 0.05, 0.02))
    many_rounds = speedup_estimate(*simulate(np.random.default_rng(1), 3, 200, 0.05, 0.02))
    many_launches = speedup_estimate(*simulate(np.random.default_rng(1), 24, 8, 0.05, 0.02))
    assert many_launches.half_width < 0.6 * few.half_width
    assert many_rounds.half_width > 0.02


@pytest.mark.simulation
@pytest.mark.parametrize(("launches", "at_least"), [(4, 0.78), (8, 0.86), (16, 0.90)])
def test_intervals_cover_the_truth_about_as_often_as_they_say(launches, at_least):
    """Nominal 95% intervals, simulated with the scatter of real launches (2%) and rounds (7%)."""
    generator = np.random.default_rng(7)
    hits = 0
    trials = 150
    for _ in range(trials):
        estimate = speedup_estimate(*simulate(generator, launches, 8, 0.02, 0.07))
        hits += estimate.low <= 2.0 <= estimate.high
    assert hits / trials >= at_least


@pytest.mark.simulation
def test_intervals_from_pooled_rounds_would_be_too_narrow():
    """Intervals that treat every round as independent cover the truth far less often; so launches are drawn first."""
    generator = np.random.default_rng(3)
    pooled = hierarchical = 0
    for _ in range(100):
        native, accelerated = simulate(generator, 5, 30, 0.05, 0.02)
        flat = speedup_estimate([np.ravel(native)] * 2, [np.ravel(accelerated)] * 2)
        pooled += flat.low <= 2.0 <= flat.high
        estimate = speedup_estimate(native, accelerated)
        hierarchical += estimate.low <= 2.0 <= estimate.high
    assert pooled < 50
    assert hierarchical > 75


def test_sides_must_have_the_same_launches():
    """Unpaired samples are a programming error."""
    with pytest.raises(ValueError, match="same number of launches"):
        paired_log_ratios([[1.0]], [[1.0], [1.0]])


def test_half_width_is_symmetric_on_the_log_scale():
    """An interval from value/1.1 to value*1.1 has a half-width of 10%."""
    assert Estimate(2.0, 2.0 / 1.1, 2.0 * 1.1).half_width == pytest.approx(0.1)


def test_geometric_mean_of_equal_estimates_is_narrower_by_the_root_of_their_number():
    """Standard errors add in quadrature on the log scale."""
    one = Estimate(3.0, 3.0 / 1.1, 3.0 * 1.1)
    mean = geometric_mean([one] * 4)
    assert mean.value == pytest.approx(3.0)
    assert math.log1p(mean.half_width) == pytest.approx(math.log(1.1) / 2)


def test_quantile_interpolates():
    """It is type 7 of Hyndman and Fan, as in numpy."""
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.25) == pytest.approx(1.75)
