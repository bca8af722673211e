"""Estimates with an error that all estimates of a run have in common."""

import math

import pytest

from pytest_formfunc.stats import Estimate
from pytest_formfunc.stats.mean import geometric_mean


def reach(estimate):
    return math.log(estimate.high / estimate.low) / 2


def test_a_common_error_adds_in_quadrature():
    """On the log scale, around the same value."""
    own = Estimate(2.0, 2.0 / math.exp(0.03), 2.0 * math.exp(0.03), n=6)
    wide = own.widened(0.04 / 1.96)
    assert reach(wide) == pytest.approx(0.05, rel=1e-3)
    assert math.sqrt(wide.low * wide.high) == pytest.approx(2.0)
    assert (wide.value, wide.n, wide.common) == (2.0, 6, 0.04 / 1.96)
    assert wide.widened(0.03 / 1.96).common == pytest.approx(0.05 / 1.96)


@pytest.mark.parametrize("own", [Estimate(2.0, 1.9, 2.1), Estimate(2.0, 0.0, math.inf, n=1)])
def test_without_a_common_error_or_an_interval_nothing_changes(own):
    """One server claims no interval, and a steady machine adds nothing."""
    assert own.widened(0.0) == own
    assert own.widened(0.05) == own or math.isfinite(own.high)


def test_a_mean_makes_own_errors_smaller_and_common_ones_not():
    """Of sixteen rows whose errors are half of each kind."""
    own = Estimate(2.0, 2.0 / math.exp(0.04), 2.0 * math.exp(0.04))
    assert reach(geometric_mean([own] * 16)) == pytest.approx(0.01)
    wide = own.widened(0.03 / 1.96)
    mean = geometric_mean([wide] * 16)
    assert reach(mean) == pytest.approx(math.hypot(0.01, 0.03), rel=1e-3)
    assert mean.common == pytest.approx(wide.common)
