"""Floors and ceilings are judged by the interval that the row prints: met, missed, or not shown."""

import math
from dataclasses import replace

import pytest
from support.records import CAUSE, contended, memory_kept, native_record, record

from pytest_formfunc.gate.limits import judge_limits
from pytest_formfunc.records import METHOD
from pytest_formfunc.records.parts import MET, MISSED, NOT_SHOWN
from pytest_formfunc.stats import Estimate

FOUR = replace(record(0.0025), speedup=Estimate(4.0, 3.0, 5.0), typical_s=Estimate(0.0025, 0.0020, 0.0030))


def judge(made, floor=None, ceiling_s=None):
    """Return the outcomes and the reasons by the limit's name."""
    return {limit.name: limit for limit in judge_limits(made, floor, ceiling_s)}


@pytest.mark.parametrize(
    ("floor", "outcome", "words"),
    [
        (2.0, MET, "has a speedup of 4.00x (3.00 to 5.00), within its min_speedup of 2.00x"),
        (3.0, MET, "within its min_speedup"),
        (3.1, NOT_SHOWN, "which does not show that its min_speedup of 3.10x is met"),
        (4.9, NOT_SHOWN, "which does not show"),
        (5.0, NOT_SHOWN, "which does not show"),
        (5.1, MISSED, "has a speedup of 4.00x (3.00 to 5.00), below the min_speedup of 5.10x"),
    ],
)
def test_a_floor_is_held_against_the_whole_interval(floor, outcome, words):
    """Met if all of it keeps the floor, missed if none of it does, and not shown in between."""
    limit = judge(FOUR, floor)["min_speedup"]
    assert (limit.limit, limit.outcome) == (floor, outcome)
    assert limit.reason.startswith("residual-d8-w64 on openvino ")
    assert words in limit.reason


@pytest.mark.parametrize(
    ("ceiling_s", "outcome", "words"),
    [
        (0.0031, MET, "takes 2.50 ms (2.00 to 3.00), within its max_latency of 3.10 ms"),
        (0.0030, MET, "within its max_latency"),
        (0.0026, NOT_SHOWN, "which does not show that its max_latency of 2.60 ms is met"),
        (0.0020, NOT_SHOWN, "which does not show"),
        (0.0019, MISSED, "takes 2.50 ms (2.00 to 3.00), above the max_latency of 1.90 ms"),
    ],
)
def test_a_ceiling_is_held_against_the_whole_interval(ceiling_s, outcome, words):
    """The latency is the one that the row prints, not the median of all calls."""
    slow_calls = replace(FOUR, latency_s=replace(FOUR.latency_s, median=9.0))
    limit = judge(slow_calls, ceiling_s=ceiling_s)["max_latency"]
    assert (limit.limit, limit.outcome) == (ceiling_s, outcome)
    assert words in limit.reason


def test_the_speedup_with_memory_kept_is_what_is_judged():
    """It is the one that is ranked; by default native is slower here."""
    kept = memory_kept(record(0.0025, native_s=0.040), native_kept_s=0.010)
    assert kept.speedup.low > 15
    assert judge(kept, 8.0)["min_speedup"].outcome == MISSED
    assert judge(kept, 3.5)["min_speedup"].outcome == MET


@pytest.mark.parametrize(("floor", "ceiling_s"), [(0.001, 1000.0), (1e5, 1e-9)])
def test_where_other_work_disturbed_it_no_limit_is_shown(floor, ceiling_s):
    """However far the limit is; the reason names what disturbed it."""
    limits = judge(contended(record(0.0025)), floor, ceiling_s)
    assert {name: limit.outcome for name, limit in limits.items()} == {
        "min_speedup": NOT_SHOWN,
        "max_latency": NOT_SHOWN,
    }
    for name, limit in limits.items():
        assert f"its {name} of" in limit.reason
        assert limit.reason.endswith(f"is not shown, because {CAUSE}")


def test_without_an_interval_no_limit_is_shown():
    """A single call, or a single server, says nothing of how processes differ."""
    once = replace(FOUR, speedup=Estimate(4.0, 0.0, math.inf, n=1), typical_s=None)
    limits = judge(once, 2.0, 1000.0)
    assert [limit.outcome for limit in limits.values()] == [NOT_SHOWN, NOT_SHOWN]
    assert all("its launches are too few for an interval" in limit.reason for limit in limits.values())


def test_native_has_a_latency_and_no_speedup():
    """Its own row passes a floor, which is for the accelerated rows, and may have a ceiling."""
    limits = judge(native_record(0.010), 2.0, 0.020)
    assert {name: limit.outcome for name, limit in limits.items()} == {"max_latency": MET}
    assert judge(native_record(0.010), 2.0, 0.005)["max_latency"].outcome == MISSED


def test_what_was_not_asked_for_is_not_judged():
    """No limit, no outcome."""
    assert judge(FOUR) == {}


def test_what_failed_with_memory_kept_has_no_floor_to_show():
    """Its speedup by default is another number, and is not judged in its place."""
    made = replace(record(0.005), speedup_memory_kept=None, method=METHOD)
    [limit] = judge_limits(made, 1.5, None)
    assert limit.outcome == NOT_SHOWN
    assert limit.reason.endswith("is not shown, because with memory kept it failed")
