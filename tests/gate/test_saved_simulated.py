"""How often the gate against saved runs is red, simulated: a small part of `bench/test_saved_power.py`."""

import numpy as np
import pytest
from intervals import at_least
from made_up_runs import WORLDS, MadeUpRun, World

from pytest_formfunc.gate.error_budget import FAMILY_ALPHA

pytestmark = pytest.mark.simulation
THRESHOLD = 0.10


def statuses(seed, world, sd, saved, losses):
    """Return the statuses of one made-up run."""
    run = MadeUpRun(np.random.default_rng(seed), world, sd, saved, len(losses), losses)
    return [verdict.status for verdict in run.verdicts(THRESHOLD)]


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
@pytest.mark.parametrize(("comparisons", "saved", "runs"), [(4, 1, 150), (4, 20, 40), (16, 5, 20)])
def test_at_most_one_run_of_unchanged_code_in_a_hundred_is_red(world, comparisons, saved, runs):
    """Runs differ by 6%; a gate that takes them to differ by 2.5% is red in 10 to 30 of a hundred."""
    red = sum("regressed" in statuses(seed, world, 0.06, saved, [0.0] * comparisons) for seed in range(runs))
    assert at_least(red, runs, FAMILY_ALPHA) > 0.001


@pytest.mark.parametrize(
    ("sd", "saved", "loss", "least"), [(0.02, 5, 0.2, 0.9), (0.04, 5, 0.3, 0.9), (0.02, 20, 0.2, 0.95)]
)
def test_a_loss_well_beyond_what_runs_differ_by_is_found(sd, saved, loss, least):
    """One of four cases has it."""
    found = sum(statuses(seed, WORLDS[1], sd, saved, [0.0, loss, 0.0, 0.0])[1] == "regressed" for seed in range(60))
    assert found >= least * 60


def test_a_loss_that_all_cases_have_is_not_taken_for_noise():
    """An upgrade that makes everything 15% slower, on a machine that has been steady for twenty runs."""
    found = [statuses(seed, WORLDS[1], 0.02, 20, [0.15] * 24) for seed in range(8)]
    assert sum(row.count("regressed") for row in found) >= 0.9 * 24 * 8


def test_cases_that_scatter_now_are_noise_whatever_saved_runs_say():
    """Saved runs agree well, and this one does not: its own changes show that."""
    calm = World("calm until now")
    red = 0
    for seed in range(25):
        losses = np.random.default_rng(1000 + seed).normal(0.0, 0.06, 24)
        red += "regressed" in statuses(seed, calm, 0.0, 3, -np.expm1(losses))[16:]
    assert at_least(red, 25, FAMILY_ALPHA) > 0.001


def test_twice_the_threshold_is_rarely_called_unchanged():
    """In one of twenty judgements at most, where saved runs are enough to tell."""
    missed = sum(statuses(seed, WORLDS[0], 0.04, 5, [0.19] * 4).count("unchanged") for seed in range(50))
    assert at_least(missed, 200, 0.05) > 0.001
