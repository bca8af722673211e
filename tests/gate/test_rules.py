"""What fails a test, on made-up records, verdicts and outcomes of limits; test_limits.py has how those come about."""

import pytest
from support.records import record

from pytest_formfunc.gate.rules import Rules, why_failed
from pytest_formfunc.records.parts import MET, MISSED, NOT_SHOWN, Limit, Verdict

LOSS = Rules(fail_on=("loss",))


def verdict(status):
    return Verdict(status, 0.1, None, f"the reason of {status}")


def limit(outcome, name="min_speedup"):
    return Limit(name, 2.0, outcome, f"{name} is {outcome}")


@pytest.mark.parametrize(
    ("status", "fail_on", "strict", "sentence"),
    [
        ("regressed", ("loss",), False, "the reason of regressed"),
        ("regressed", ("gain",), False, None),
        ("improved", ("loss",), False, None),
        ("improved", ("gain",), False, "the reason of improved; it fails on a gain, because the baseline is stale"),
        ("unchanged", ("no-gain",), False, "the reason of unchanged; it fails without a gain"),
        ("improved", ("no-gain",), False, None),
        ("inconclusive", ("loss",), True, None),
        ("inconclusive", ("inconclusive",), False, "the reason of inconclusive; it fails on an inconclusive verdict"),
        ("new", ("loss",), False, None),
        ("new", ("loss",), True, "residual-d8-w64 on openvino is new, which --formfunc-strict does not pass"),
        ("not comparable", ("loss",), True, "is not comparable, which --formfunc-strict does not pass"),
    ],
)
def test_which_verdicts_fail(status, fail_on, strict, sentence):
    """A setting says which kinds do; strict adds what could not be compared, and never what is only unsure."""
    found = why_failed(record(0.0025), verdict(status), [], Rules(fail_on, strict=strict), timed=True)
    assert (found is None) == (sentence is None)
    assert sentence is None or sentence in found


def test_no_comparison_fails_nothing():
    """Without a verdict, a floor and a ceiling there is nothing to hold the test to."""
    assert why_failed(record(0.0025), None, [], LOSS, timed=True) is None


@pytest.mark.parametrize(
    ("outcome", "fail_on", "sentence"),
    [
        (MET, ("loss", "inconclusive"), None),
        (MISSED, ("loss",), "min_speedup is missed"),
        (MISSED, ("gain",), "min_speedup is missed"),
        (NOT_SHOWN, ("loss",), None),
        (NOT_SHOWN, ("loss", "inconclusive"), "min_speedup is not shown; it fails on an inconclusive outcome"),
    ],
)
def test_which_outcomes_of_a_limit_fail(outcome, fail_on, sentence):
    """One that is missed always does, and one that is not shown where a setting asks for that."""
    for strict in (False, True):
        assert why_failed(record(0.0025), None, [limit(outcome)], Rules(fail_on, strict=strict), timed=True) == sentence


def test_each_limit_is_looked_at():
    """A floor that is met says nothing about the ceiling."""
    found = why_failed(record(0.0025), None, [limit(MET), limit(MISSED, "max_latency")], LOSS, timed=True)
    assert found == "max_latency is missed"


@pytest.mark.parametrize("name", ["min_speedup", "max_latency"])
def test_a_limit_that_nothing_was_timed_for_is_red_when_strict(name):
    """Otherwise it passes, as a run without timing asks for, even where an unsure outcome fails."""
    for strict in (False, True):
        rules = Rules(("loss", "inconclusive"), strict=strict)
        found = why_failed(record(0.0025), None, [limit(NOT_SHOWN, name)], rules, timed=False)
        assert (found is not None) == strict
    assert f"its {name} was not judged because nothing was timed" in found


def test_a_lost_speedup_comes_before_a_floor():
    """One sentence, the verdict's."""
    found = why_failed(record(0.0025), verdict("regressed"), [limit(MISSED)], LOSS, timed=True)
    assert found == "the reason of regressed"
