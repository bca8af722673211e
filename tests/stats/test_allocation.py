"""Rounds a launch, weights of launches, and the interval over unequal launches, on numbers with a known truth."""

import math

import numpy as np
import pytest

from pytest_formfunc.stats.allocation import LEAST_LAUNCH_SD, Scatter, scatter_of
from pytest_formfunc.stats.launches import launch_means
from pytest_formfunc.stats.servers import estimate_over_servers
from pytest_formfunc.stats.student import t_quantile, weighted_mean
from pytest_formfunc.stats.trimmed import trimmed_mean, trimmed_variance


def made_up(generator, counts, *, rounds=0.1, launches=0.02, truth=0.0):
    """Return the log ratios of launches with these numbers of rounds."""
    return [truth + generator.normal(0, launches) + generator.normal(0, rounds, count) for count in counts]


@pytest.mark.parametrize(("rounds", "launches"), [(0.13, 0.015), (0.2, 0.05), (0.02, 0.01)])
def test_the_best_rounds_give_the_least_variance_in_a_given_time(rounds, launches):
    """The choice agrees with a search over all numbers of rounds."""
    scatter = Scatter(rounds**2, launches**2, launches**2)
    load_s, round_s = 0.34, 0.04
    variance = {n: (scatter.launches + scatter.rounds / n) * (load_s + n * round_s) for n in range(1, 200)}
    best = scatter.best_rounds(load_s, round_s, 1e6, 1, 199)
    assert best == pytest.approx(min(variance, key=variance.get), abs=1)
    assert scatter.best_rounds(load_s, round_s, 1e6, best + 2, 199) == best + 2


@pytest.mark.simulation
@pytest.mark.parametrize("time_s", [4.0, 10.0, 40.0])
def test_in_a_short_time_launches_are_shorter_and_more_and_the_interval_is_narrower(time_s):
    """Simulated launches with any other number of rounds have no clearly narrower interval at the planned level."""
    load_s, round_s, generator = 0.34, 0.04, np.random.default_rng(3)
    scatter = Scatter(0.12**2, 0.02**2, 0.02**2)
    widths = {}
    for rounds in range(2, 40):
        launches = max(2, int(time_s / (load_s + rounds * round_s)))
        means = generator.normal(0, math.sqrt(scatter.launches + scatter.rounds / rounds), (400, launches))
        errors = means.std(axis=1, ddof=1) / math.sqrt(launches)
        widths[rounds] = t_quantile(0.001, launches - 1) * float(np.mean(errors))
    best = scatter.best_rounds(load_s, round_s, time_s, 2, 39)
    assert best < scatter.best_rounds(load_s, round_s, 1e6, 2, 39)
    assert widths[best] < 1.15 * min(widths.values())


@pytest.mark.simulation
def test_both_variances_are_estimated_from_the_samples():
    """Many launches give both to 10%; the lower bound is smaller for few launches, and never below the least."""
    found = scatter_of(made_up(np.random.default_rng(0), [12] * 2000))
    assert math.sqrt(found.rounds) == pytest.approx(0.1, rel=0.1)
    assert math.sqrt(found.launches) == pytest.approx(0.02, rel=0.1)
    assert found.launches_at_least == pytest.approx(found.launches, rel=0.2)
    few = scatter_of(made_up(np.random.default_rng(1), [12] * 4, launches=0.1))
    assert LEAST_LAUNCH_SD**2 < few.launches_at_least < 0.6 * few.launches
    alike = [np.array([0.1, 0.2, 0.3, 0.4])] * 3
    assert scatter_of(alike).launches == scatter_of(alike).launches_at_least == LEAST_LAUNCH_SD**2


@pytest.mark.simulation
def test_launches_of_few_rounds_do_not_make_launches_look_different():
    """Estimates are right for launches of unequal length, and two short launches weigh little beside six long ones."""
    found = scatter_of(made_up(np.random.default_rng(2), [6, 36] * 1000))
    assert math.sqrt(found.rounds) == pytest.approx(0.1, rel=0.15)
    assert math.sqrt(found.launches) == pytest.approx(0.02, rel=0.1)
    long = [np.full(36, 0.01) + np.linspace(-0.1, 0.1, 36) for _ in range(6)]
    short = [np.array([-0.2, -0.1, 0.0]), np.array([0.0, 0.1, 0.2])]
    assert scatter_of([*short, *long]).launches_at_least == LEAST_LAUNCH_SD**2


def test_one_launch_of_one_round_says_nothing_of_scatter_and_is_not_an_error():
    """The variances are the least, and the interval is open."""
    assert scatter_of([np.array([0.1])]) == Scatter(0.0, LEAST_LAUNCH_SD**2, LEAST_LAUNCH_SD**2)
    assert launch_means([np.array([0.1])], [0]).interval().high == math.inf


@pytest.mark.simulation
@pytest.mark.parametrize("count", [4, 6, 12, 16, 37])
def test_the_trimmed_means_variance_is_that_of_a_value_over_their_number(count):
    """This holds for normal values and for those with outliers, in 4,000 samples each."""
    generator = np.random.default_rng(1)
    normal = generator.normal(0, 1, (4000, count))
    spoilt = np.where(generator.random((4000, count)) < 0.1, 10 * normal, normal)
    for samples in (normal, spoilt):
        seen = float(np.var(trimmed_mean(samples)))
        said = float(np.mean(trimmed_variance(samples))) / count
        assert said == pytest.approx(seen, rel=0.3)
    assert np.var(trimmed_mean(spoilt)) < np.var(spoilt.mean(axis=1)) / 2


def test_equal_weights_are_students_own_interval():
    """Mean, standard error and degrees of freedom are the unweighted ones."""
    values = [0.3, 0.1, 0.4, 0.1, 0.5]
    for weights in (None, [2.0] * 5):
        mean = weighted_mean(values, weights)
        assert mean.value == pytest.approx(np.mean(values))
        assert mean.standard_error == pytest.approx(np.std(values, ddof=1) / math.sqrt(5))
        assert mean.df == pytest.approx(4)
    weighted, plain = (estimate_over_servers(values, range(5), None, weights=one) for one in ([1.0] * 5, None))
    assert weighted.high == pytest.approx(plain.high)


@pytest.mark.simulation
def test_the_interval_over_unequal_launches_covers_the_truth_at_its_level():
    """2,000 nominal 95% intervals over three launches of 6 rounds and nine of 36; most are narrower than unweighted."""
    generator = np.random.default_rng(2)
    held, narrower = 0, 0
    for _ in range(2000):
        means = launch_means(made_up(generator, [6] * 3 + [36] * 9, truth=0.05), range(12))
        interval = means.interval()
        held += interval.low <= math.exp(0.05) <= interval.high
        narrower += interval.half_width < estimate_over_servers(means.logs, means.servers, None).half_width
    assert 0.93 < held / 2000 < 0.98
    assert narrower > 1200
