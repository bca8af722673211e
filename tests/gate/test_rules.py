"""What fails a test, on made-up records and verdicts."""

import pytest
from support.records import record, samples

from pytest_formfunc.gate.rules import Rules, why_failed
from pytest_formfunc.records.parts import Verdict

LOSS = Rules(fail_on=("loss",))


def verdict(status):
    return Verdict(status, 0.1, None, f"the reason of {status}")


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
    found = why_failed(record(0.0025), verdict(status), Rules(fail_on, strict=strict), timed=True)
    assert (found is None) == (sentence is None)
    assert sentence is None or sentence in found


def test_no_comparison_fails_nothing():
    """Without a verdict, a floor and a ceiling there is nothing to hold the test to."""
    assert why_failed(record(0.0025), None, LOSS, timed=True) is None


@pytest.mark.parametrize(("floor", "red"), [(2.0, False), (3.9, False), (4.1, False), (8.0, True)])
def test_a_floor_fails_where_the_speedup_is_surely_below(floor, red):
    """Four times as fast, with launches that scatter: a floor within the interval does not fail."""
    scattered = record(0.0025, samples=samples(0.0025, scatter=0.2, seed=5))
    found = why_failed(scattered, None, Rules(("loss",), min_speedup=floor), timed=True)
    assert (found is not None) == red
    assert not red or "below the min_speedup of 8.00x" in found


def test_native_has_no_speedup_to_hold_to_a_floor():
    """The row of native passes."""
    native = record(0.01, backend="native", native=True, speedup=None, native_samples=None)
    assert why_failed(native, None, Rules(("loss",), min_speedup=2.0), timed=True) is None


@pytest.mark.parametrize(("ceiling_s", "red"), [(0.0030, False), (0.0020, True)])
def test_a_ceiling_fails_where_the_latency_is_surely_above(ceiling_s, red):
    """In milliseconds, with the interval."""
    found = why_failed(record(0.0025), None, Rules(("loss",), max_latency_s=ceiling_s), timed=True)
    assert (found is not None) == red
    assert not red or "above the max_latency of 2.00 ms" in found


@pytest.mark.parametrize(("rule", "name"), [("min_speedup", "min_speedup"), ("max_latency_s", "max_latency")])
def test_a_rule_that_nothing_was_timed_for_is_red_when_strict(rule, name):
    """Otherwise it passes, as a run without timing asks for."""
    for strict in (False, True):
        found = why_failed(record(0.0025), None, Rules(("loss",), strict=strict, **{rule: 1.0}), timed=False)
        assert (found is not None) == strict
    assert f"its {name} was not judged because nothing was timed" in found


def test_a_lost_speedup_comes_before_a_floor():
    """One sentence, the verdict's."""
    found = why_failed(record(0.0025), verdict("regressed"), Rules(("loss",), min_speedup=8.0), timed=True)
    assert found == "the reason of regressed"
