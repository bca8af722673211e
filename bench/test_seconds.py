"""Where a second of measuring goes: loading, warming up, calls that are discarded, calls that count, handing over.

Some forms are measured as a run does it, alone and side by side with the same code; FORMFUNC_BUDGET is the budget of
each (7 s).
"""

from __future__ import annotations

import math
import os
from statistics import median

import pytest
from laboratory import Laboratory

from pytest_formfunc.cases import pattern_case
from pytest_formfunc.measure.effort import Effort
from pytest_formfunc.measure.participants import Side
from pytest_formfunc.measure.schedule import plan_turn
from pytest_formfunc.measure.together import Reserve, measure_together
from pytest_formfunc.stats.servers import ENOUGH_SERVERS

BUDGET_S = float(os.environ.get("FORMFUNC_BUDGET", "7"))
FORMS = [("residual_bottleneck", 8), ("depthwise_separable", 8), ("fire", 8), ("channel_shuffle", 8)]


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    one = Laboratory(tmp_path_factory.mktemp("seconds"))
    one.start()
    yield one
    one.close()


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "side by side"])
def test_where_a_second_goes(laboratory, beside, capsys):
    """The parts are all of it; what is left of rounds is handing over, and waiting for quiet moments."""
    cases = [pattern_case(pattern, depth, 64) for pattern, depth in FORMS]
    measurers = []
    for case in cases:
        prepared = laboratory.prepare(case)
        sides = {Side.HERE: prepared, **({Side.THERE: prepared} if beside else {})}
        measurers.append(laboratory.measurer(case, sides))
    budget_s, enough = (2 * BUDGET_S, ENOUGH_SERVERS) if beside else (BUDGET_S, math.inf)
    measure_together([(one, Effort(0.04, budget_s, enough=enough)) for one in measurers], Reserve(), laboratory.pace)
    parts = dict.fromkeys(
        ("compiling and building", "first calls", "starting, comparing, warming up", "discarded calls",
         "counted calls", "handing over and waiting"), 0.0
    )  # fmt: skip
    spent = launches = workers = 0.0
    for measurer in measurers:
        result = measurer.result
        compiling = sum(sum(series.compile_s) for series in result.series.values())
        first = sum(sum(series.first_call_s) for series in result.series.values())
        turns = [turn for series in result.series.values() for rounds in series.launches for turn in rounds]
        counted = sum(sum(turn.calls_s) for turn in turns)
        discarded = sum(plan_turn(median(turn.calls_s)).discard * median(turn.calls_s) for turn in turns)
        parts["compiling and building"] += compiling
        parts["first calls"] += first
        parts["starting, comparing, warming up"] += result.load_s - compiling - first
        parts["discarded calls"] += discarded
        parts["counted calls"] += counted
        parts["handing over and waiting"] += result.spent_s - result.load_s - counted - discarded
        spent += result.spent_s
        launches += measurer.launches
        workers += sum(len(series.launches) for series in result.series.values())
    with capsys.disabled():
        shares = ", ".join(f"{name} {seconds / spent:.0%}" for name, seconds in parts.items())
        print(
            f"\nseconds: {'side by side' if beside else 'alone'}: {spent:.1f} s of {len(cases)} cases, {launches:.0f} "
            f"launches of {workers / launches:.1f} workers, {spent / launches:.2f} s each: {shares}"
        )
    assert all(seconds > 0 for seconds in parts.values())
