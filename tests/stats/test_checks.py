"""Times and values of which no estimate is made: each kind is refused wherever times enter."""

import math

import numpy as np
import pytest

from pytest_formfunc.stats import estimate_over_servers
from pytest_formfunc.stats.checks import check_finite, logs_of
from pytest_formfunc.stats.correlation import linear_correlation
from pytest_formfunc.stats.pairs import launch_levels, launch_logs, paired_log_ratios, typical_round
from pytest_formfunc.stats.quantiles import median, quantile
from pytest_formfunc.stats.regression import fit_linear
from pytest_formfunc.stats.servers import mean_over_servers
from pytest_formfunc.stats.steps import find_steps
from pytest_formfunc.stats.trend import find_trend

NO_TIMES = [math.nan, math.inf, -math.inf, 0.0, -0.001]
GOOD = [[0.010, 0.011, 0.012, 0.013, 0.014]] * 2


def with_one(bad):
    """Return two launches' rounds with one bad time in the second, where a trimmed mean would leave it out."""
    return [GOOD[0], [0.010, 0.011, bad, 0.013, 0.014]]


@pytest.mark.parametrize("bad", NO_TIMES)
@pytest.mark.parametrize(
    "summary",
    [
        lambda times: paired_log_ratios(times, GOOD),
        lambda times: paired_log_ratios(GOOD, times),
        lambda times: launch_logs(times, GOOD),
        launch_levels,
        lambda times: launch_levels(times, GOOD),
        lambda times: launch_levels(GOOD, times),
        typical_round,
        lambda times: find_steps([*[[0.01, 0.02, 0.03, 0.04, 0.05, 0.06]] * 3, [*times[1], 0.06]]),
    ],
    ids=["ratio over", "ratio under", "logs", "level", "level over", "level under", "typical", "steps"],
)
def test_a_time_that_no_call_takes_is_refused(summary, bad):
    """One among many is enough, on either side."""
    with pytest.raises(ValueError, match=f"a time is {bad} s, which no call takes: times are finite and above 0"):
        summary(with_one(bad))


@pytest.mark.parametrize("bad", NO_TIMES)
def test_a_trend_is_of_positive_values(bad):
    for x, y in (([1, 2, 3, 4, bad], [1, 2, 3, 4, 5]), ([1, 2, 3, 4, 5], [1, 2, bad, 4, 5])):
        with pytest.raises(ValueError, match="finite and above 0"):
            find_trend(x, y)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_no_estimate_is_made_of_values_that_are_not_finite(bad):
    """Neither of log ratios, of one server or of several, nor of what a cause is looked for in."""
    values = [0.1, 0.2, bad, 0.4, 0.5, 0.6]
    for servers in (range(6), [0] * 6):
        with pytest.raises(ValueError, match=f"a log ratio is {bad}"):
            estimate_over_servers(values, servers, None)
    with pytest.raises(ValueError, match=f"is {bad}, and an estimate"):
        mean_over_servers(values, range(6), None)
    with pytest.raises(ValueError, match=f"is {bad}, and an estimate"):
        linear_correlation(values, [1, 2, 3, 4, 5, 7])
    for outcome, column in ((values, [1, 2, 3, 4, 5, 7]), ([1, 2, 3, 4, 5, 7], values)):
        with pytest.raises(ValueError, match=f"is {bad}, and an estimate"):
            fit_linear(outcome, {"x": column})


@pytest.mark.parametrize("summary", [median, lambda values: quantile(values, 0.1)])
def test_nan_has_no_place_among_quantiles(summary):
    """It would be every quantile; and nothing has none."""
    with pytest.raises(ValueError, match="a value is nan"):
        summary([1.0, math.nan, 2.0])
    with pytest.raises(ValueError, match="no values"):
        summary([])


def test_good_numbers_pass():
    """In any shape, whole ones too."""
    check_finite(np.zeros((2, 3)))
    check_finite([])
    assert logs_of([1, math.e]) == pytest.approx([0.0, 1.0])
