"""The statistics of a row's calls, from rounds that are known."""

from statistics import median

import pytest

from pytest_formfunc.measure.assemble import _latency
from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.protocol import Disturbance, Round
from pytest_formfunc.measure.series import Series

QUIET = Disturbance(0.0, 0, 0, 0.0, 1.0)


def series(*launches):
    """Return a series of these launches' rounds, each a sequence of calls in seconds."""
    made = Series(Participant("openvino"))
    for number, rounds in enumerate(launches):
        made.launches.append([Round(tuple(calls), QUIET) for calls in rounds])
        made.numbers.append(number)
    return made


def test_the_median_is_that_of_the_rounds_as_pytest_benchmark_has_it():
    """Rounds of more calls, and the half-way point of two rounds, change nothing of that."""
    rounds = [[0.1] * 9, [0.2, 0.4], [0.4, 0.6], [0.7]]
    found = _latency(series(rounds[:2], rounds[2:]), [0, 1])
    assert found.median == median(median(calls) for calls in rounds) == (median([0.2, 0.4]) + 0.5) / 2
    assert (found.min, found.p99) == (0.1, pytest.approx(0.687))


def test_calls_of_launches_that_are_left_out_are_in_no_statistic():
    """A disturbed launch is in none of the samples either."""
    found = _latency(series([[0.1, 0.2, 0.3]], [[9.0, 9.0, 0.001]], [[0.1, 0.2, 0.3]]), [0, 2])
    assert (found.min, found.median) == (0.1, 0.2)
    assert found.p90 == found.p99 == 0.3
