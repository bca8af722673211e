"""How much runs differ: what is stated, and what this run's changes, other cases and a case's own saved runs add."""

import numpy as np
import pytest

from pytest_formfunc.gate.history import BackTests
from pytest_formfunc.gate.scale import (
    CASE_RUNS,
    ENOUGH_CHANGES,
    SHARED_SD,
    STATED,
    FirstLook,
    Level,
    level_beside,
    level_of,
    noise_of,
)


def looks(count, sd, seed=0, *, common=0.0, within=0.0, pooled=5):
    """Return the first looks of a run whose changes scatter by ``sd``."""
    logs = common + np.random.default_rng(seed).normal(0, sd, count)
    return [FirstLook(float(log), within, pooled) for log in logs]


def test_few_changes_leave_what_is_stated():
    """One real change among them would be a great part of their scatter."""
    assert level_of(looks(ENOUGH_CHANGES - 1, 0.01)) == STATED
    assert level_of(looks(ENOUGH_CHANGES, 0.01)).changes == ENOUGH_CHANGES


@pytest.mark.parametrize("count", [16, 32, 100])
def test_many_changes_show_how_much_runs_differ(count):
    """On average as much as they do, or a little more; that is of one run, of which a change has 1 + 1/K."""
    shown = [level_of(looks(count, 0.04 * 1.2**0.5, seed)).variance - SHARED_SD**2 for seed in range(300)]
    assert 0.98 * 0.04**2 < np.mean(shown) < 1.25 * 0.04**2


def test_a_loss_that_all_cases_have_in_common_widens_nothing():
    """An engine upgrade that makes everything 15% slower is no noise."""
    assert level_of(looks(32, 0.03, common=-0.15)).variance == pytest.approx(level_of(looks(32, 0.03)).variance)


def test_a_few_real_changes_widen_little():
    """Three of 32 cases lost half of their speedup, which would make the plain standard deviation seven times as much."""

    def mean_sd(lost):
        made = []
        for seed in range(100):
            plain = looks(32, 0.03, seed)
            made.append(level_of([FirstLook(one.log - lost * (at < 3), 0.0, 5) for at, one in enumerate(plain)]))
        return np.mean([one.variance - SHARED_SD**2 for one in made]) ** 0.5

    assert mean_sd(0.7) < 1.35 * mean_sd(0.0)


def test_what_runs_have_in_common_is_stated_however_calm_the_changes_are():
    """They may all have moved together."""
    level = level_of(looks(32, 0.0))
    assert level.variance == pytest.approx(SHARED_SD**2)
    assert level.df == pytest.approx(0.7 * 32)


def test_what_launches_show_is_not_counted_twice():
    """The launches of both sides explain half of the changes' variance."""
    half = level_of(looks(32, 0.04, within=0.0008))
    whole = level_of(looks(32, 0.04))
    assert whole.variance - half.variance == pytest.approx(0.0008 / 1.2)


def test_other_cases_count_by_what_they_have_in_common():
    """One case counts by its degrees of freedom, any number of them by at most four times those of one."""
    one = BackTests(0.0004, 10.0, 12)
    together = level_beside(STATED, [one])
    assert together.df == pytest.approx(STATED.df + 10)
    assert together.variance == pytest.approx((STATED.df * STATED.variance + 10 * 0.0004) / together.df)
    assert level_beside(STATED, [one] * 2).df == pytest.approx(STATED.df + 20 / 1.25)
    assert level_beside(STATED, [one] * 1000).df < STATED.df + 40
    assert level_beside(STATED, [BackTests()]) == level_beside(STATED, []) == STATED


def test_runs_that_agree_better_than_their_launches_do_not_make_it_negative():
    assert level_beside(Level(0.0001, 1.0), [BackTests(-0.01, 1000.0, 1000)]).variance > 0
    assert noise_of(STATED, BackTests(-0.01, 1000.0, 1000)).variance > 0


def test_a_case_s_own_runs_moderate_the_level():
    """With none it is the level, with less weight the less the level is known; with many it is its own."""
    alone = noise_of(STATED, BackTests())
    assert (alone.variance, alone.df) == (STATED.variance, pytest.approx(1 / (1 / CASE_RUNS + 1 / STATED.df)))
    assert noise_of(Level(0.001, 1e9), BackTests()).df == pytest.approx(CASE_RUNS)
    own = noise_of(STATED, BackTests(0.0001, 1e6, 10**6))
    assert own.variance == pytest.approx(0.0001, rel=0.01)
    assert (own.tests, own.changes) == (10**6, 0)
