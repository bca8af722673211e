"""What repeated comparisons of the same code say of a side."""

import math

import pytest
from bias import Bias, log_of_change, say
from support.records import record

from pytest_formfunc.records.parts import Verdict
from pytest_formfunc.stats import Estimate
from pytest_formfunc.stats.student import log_interval, t_quantile

ERROR = 0.01


def row(case, log, status="unchanged", servers=6):
    """Return a record whose verdict has this log change, with an error of 1% over so many servers."""
    change = log_interval(log, t_quantile(0.05, servers - 1) * ERROR, 0.95, servers)
    return record(0.001, case=case, verdict=Verdict(status, 0.03, change, f"{case} is {status}"))


def test_a_change_has_the_error_that_its_interval_was_made_of():
    found = log_of_change(row("a", 0.02).verdict.change)
    assert (found.value, found.standard_error, found.df) == pytest.approx((0.02, ERROR, 5))


def test_runs_that_move_all_forms_together_show_a_bias_of_the_side():
    """Two forms by 4% up, down, up and down: a run's own error is 1% / sqrt(2)."""
    found = Bias()
    for sign in (1, -1, 1, -1):
        found.add([row("a", 0.04 * sign), row("b", 0.04 * sign), record(0.01, backend="native", native=True)])
    whole = found.over_all()
    assert math.log(whole.mean.value) == pytest.approx(0.0)
    assert whole.sd == pytest.approx(math.sqrt(0.04**2 * 4 / 3 - ERROR**2 / 2))
    assert found.of_case("a").sd == pytest.approx(math.sqrt(0.04**2 * 4 / 3 - ERROR**2))
    lines = [*found.lines()]
    assert [line.partition(":")[0] for line in lines[:3]] == ["a", "b", "over all forms"]
    assert lines[0].endswith("; 4 unchanged")
    assert lines[2].endswith("; 8 unchanged")
    assert "0 of 8 verdicts were red: a rate of at most 31.2%" in lines[3]


def test_forms_that_move_against_each_other_show_none():
    """It is each form's own then."""
    found = Bias()
    for sign in (1, -1, 1, -1):
        found.add([row("a", 0.04 * sign), row("b", -0.04 * sign)])
    assert found.over_all().sd == 0.0
    assert found.of_case("a").sd > 0.03


def test_what_all_runs_have_is_in_the_mean():
    found = Bias()
    for _ in range(4):
        found.add([row("a", -0.02), row("b", -0.02)])
    assert math.log(found.over_all().mean.high) == pytest.approx(-0.02)
    assert found.over_all().sd == 0.0
    assert "mean log change -2.00%" in say(found.over_all())


def test_a_row_without_a_change_is_counted_and_a_red_one_keeps_its_sentence():
    """An open interval says nothing of a change either."""
    found = Bias()
    open_one = Verdict("inconclusive", 0.03, Estimate(1.0, 0.0, math.inf, n=1), "it may be")
    for _ in range(2):
        found.add([row("a", -0.1, "regressed"), record(0.001, case="b", verdict=open_one)])
    assert found.reasons == ["a is regressed"] * 2
    assert found.unjudged == 2
    assert found.of_case("b") is None
    assert found.over_all().mean.n == 2
    assert [*found.lines()][1].startswith("b: fewer than two runs have a change; 2 inconclusive")
