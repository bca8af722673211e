"""What saved runs of a case show when each is compared with those before it, as a new run is."""

from statistics import fmean

import numpy as np
import pytest

from pytest_formfunc.gate.history import BackTests, back_test
from pytest_formfunc.stats.student import Mean


def exact(logs):
    return [Mean(log, 0.0, 5.0) for log in logs]


def shown_by(draw):
    """Return the mean of the variance that 20 runs show with five of them pooled."""
    generator = np.random.default_rng(0)
    return fmean(back_test(exact(draw(generator)), 5).variance for _ in range(1000))


def test_each_run_is_compared_with_the_mean_of_those_before_it():
    """Here they are -2, 2 - (-1), and 4 - 0 with two runs pooled, less what the launches of a run show."""
    runs = [Mean(log, 0.1, 5.0) for log in (0.0, -2.0, 2.0, 4.0)]
    found = back_test(runs, 2)
    assert found.variance == pytest.approx((4 + 9 + 16) / 3 / 1.5 - 0.01)
    assert found.count == 3


def test_one_run_shows_nothing():
    assert back_test(exact([0.3]), 5) == BackTests(0.0, 0.0, 0)
    assert back_test([], 5) == BackTests()


@pytest.mark.parametrize(("pooled", "worth"), [(1, 2 / 3), (5, 180 / 202)])
def test_overlapping_differences_are_worth_less_than_as_many_independent_ones(pooled, worth):
    """For one run the differences are successive, and worth two thirds (von Neumann et al. 1941)."""
    assert back_test(exact(range(21)), pooled).df == pytest.approx(20 * worth)


@pytest.mark.simulation
def test_the_degrees_of_freedom_are_those_of_the_variance():
    """Of independent runs, by simulation: 2 mean^2 / variance, for the differences that have all runs before them."""
    generator = np.random.default_rng(1)
    shown = [back_test(exact(generator.normal(size=60)), 3).variance for _ in range(3000)]
    assert 2 * fmean(shown) ** 2 / np.var(shown) == pytest.approx(59 / (1 + 7 / 36), rel=0.1)


@pytest.mark.simulation
def test_runs_that_drift_show_what_the_mean_of_the_last_ones_misses():
    """Due is the mean square of a new run's change over 1.2, which is 1 for independent runs.

    A walk of steps 1/2 adds 0.25 (1 + 0.64 + 0.36 + 0.16 + 0.04) to 1.2, and a trend of 1/4 adds (3/4)^2, because the
    mean lags three runs behind. Half squared successive differences would show 1.13 and 1.03.
    """
    walk = shown_by(lambda generator: generator.normal(size=20) + np.cumsum(generator.normal(0, 0.5, 20)))
    assert walk == pytest.approx((1.2 + 0.25 * 2.2) / 1.2, rel=0.05)
    trend = shown_by(lambda generator: generator.normal(size=20) + 0.25 * np.arange(20))
    assert trend == pytest.approx((1.2 + 0.75**2) / 1.2, rel=0.05)
    still = shown_by(lambda generator: generator.normal(size=20))
    assert 1.0 < still < 1.1  # a little more than is due, because the first runs have few before them


def test_between_versions_of_libraries_there_may_be_a_real_change():
    """Neither an upgrade, nor a run whose predecessors are of both versions, counts as noise."""
    logs, versions = [0.0, 0.0, 0.5, 0.5, 0.5], ["1", "1", "2", "2", "2"]
    assert back_test(exact(logs), 2, versions) == BackTests(0.0, pytest.approx(2 / (1 + 5 / 18)), 2)
    assert back_test(exact(logs), 2).variance > 0.05
