"""Where a verdict turns: the two locks, what lies between them, and the smallest loss that is found."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pytest

from pytest_formfunc.gate.decision import FOUND, LOCKS, MEASURED, decide, smallest_seen
from pytest_formfunc.stats.student import log_interval, t_quantile

T = 0.10
LOG = -math.log1p(-T)


@dataclass(frozen=True)
class Seen:
    """A change of so many thresholds, known with so small an error (in thresholds)."""

    lost: float
    error: float = 1e-4
    enough: bool = True

    @property
    def estimate(self):
        return self.interval(0.05)

    def interval(self, alpha):
        return log_interval(-self.lost * LOG, t_quantile(alpha, 30.0) * self.error * LOG, 1 - alpha, 31)


@pytest.mark.parametrize(
    ("lost", "found", "measured"),
    [
        (0.0, "unchanged", "unchanged"),
        (0.49, "unchanged", "unchanged"),
        (0.51, "inconclusive", "unchanged"),
        (0.66, "inconclusive", "unchanged"),
        (0.67, "regressed", "unchanged"),
        (0.99, "regressed", "unchanged"),
        (1.01, "regressed", "regressed"),
        (-0.51, "inconclusive", "unchanged"),
        (-0.67, "improved", "unchanged"),
        (-1.01, "improved", "improved"),
    ],
)
def test_a_well_known_change_turns_at_the_locks(lost, found, measured):
    """Two thirds of the threshold count as lost, below a half as kept; the old rule turns at the threshold itself."""
    assert decide(Seen(lost), T, 0.001) == found
    assert decide(Seen(lost), T, 0.001, locks=MEASURED) == measured


@pytest.mark.parametrize(("means", "ruled_out"), [("found", 4 / 3), ("measured", 2.0)])
def test_unchanged_rules_a_loss_out(means, ruled_out):
    """It needs the interval of the share of the miss that one look has to end before that loss."""
    locks = LOCKS[means]
    reach = t_quantile(locks.miss / 9, 30.0)
    assert decide(Seen(0.1, (ruled_out - 0.1) / reach * 0.99), T, 0.001, 9, locks) == "unchanged"
    assert decide(Seen(0.1, (ruled_out - 0.1) / reach * 1.01), T, 0.001, 9, locks) == "inconclusive"


def test_a_big_change_that_may_be_none_is_not_decided():
    """Its interval at the look's level has to leave out no change, on the side of the loss alone."""
    reach = t_quantile(2 * 0.001, 30.0)
    assert decide(Seen(3.0, 3.0 / reach * 0.99), T, 0.001) == "regressed"
    assert decide(Seen(3.0, 3.0 / reach * 1.01), T, 0.001) == "inconclusive"
    assert decide(Seen(3.0), T, 0.0) == "inconclusive"
    assert decide(Seen(3.0, enough=False), T, 0.001) == "inconclusive"


@pytest.mark.parametrize(("error", "least"), [(0.002, 0.05), (0.02, 0.05), (0.02, 0.0)])
def test_the_smallest_loss_is_found_four_times_in_five_and_heeds_both_locks(error, least):
    """It has to be real, and it has to be measured as so much; the greater of the two needs decides."""
    df, critical = 20.0, t_quantile(0.01, 20.0)
    smallest = -math.log1p(-smallest_seen(error, critical, df, NormalDist().inv_cdf(0.8), least))
    generator = np.random.default_rng(3)
    measured = smallest + error * generator.normal(size=40_000)
    errors = error * np.sqrt(generator.chisquare(df, 40_000) / df)
    found = np.mean((measured >= least) & (measured > critical * errors))
    assert found == pytest.approx(0.8, abs=0.02)


def test_the_locks_of_a_threshold_are_on_the_log_scale():
    """A loss of two thirds of the log of the threshold: 6.8% at a threshold of 10%."""
    assert FOUND.least(T) == pytest.approx(2 / 3 * LOG)
    assert -math.expm1(-FOUND.least(T)) == pytest.approx(0.0678, abs=1e-4)
    assert MEASURED.least(T) == pytest.approx(LOG)
