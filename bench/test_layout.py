"""How far runs of unchanged code differ with and without drawing the heap layout anew.

Each run has its own server, as a user's runs have. Prints the standard deviation of the log speedup between runs beside
the half-width that the runs claim; asserts that intervals cover the mean often enough where layouts are drawn anew.
"""

from __future__ import annotations

import math
import os
from statistics import mean, median, stdev

import pytest
from laboratory import Laboratory

from pytest_formfunc.cases import pattern_case
from pytest_formfunc.measure.case_measurer import CaseMeasurer, Effort
from pytest_formfunc.measure.launch import PreparedSide, launcher
from pytest_formfunc.measure.participants import Participant, Side

RUNS = int(os.environ.get("FORMFUNC_REPEATS", "8"))
OPENVINO = Participant("openvino")
BUDGET_S = 3.0


def one_run(scratch, case, *, shake):
    """Measure a case with a new server; return its speedup and native's page faults per call."""
    laboratory = Laboratory(scratch)
    try:
        prepared = laboratory.prepare(case)
        launch = launcher(
            laboratory.server, {Side.HERE: PreparedSide(case.source, prepared)}, case.seed, {}, shake=shake
        )
        result = CaseMeasurer([OPENVINO.native, OPENVINO], launch, scratch).measure(Effort(0.001, BUDGET_S))
    finally:
        laboratory.server.close()
    turns = [turn for rounds in result.series[OPENVINO.native].launches for turn in rounds]
    faults = sum(turn.disturbance.page_faults for turn in turns) / sum(len(turn.calls_s) for turn in turns)
    return result.speedup(OPENVINO), faults


@pytest.mark.parametrize(("pattern", "depth"), [("large_kernel_depthwise", 2), ("residual_bottleneck", 8)])
def test_intervals_cover_what_runs_differ_by(tmp_path, pattern, depth, capsys):
    case = pattern_case(pattern, depth, 64)
    runs = {shake: [] for shake in (False, True)}
    for _ in range(RUNS):
        for shake, done in runs.items():
            done.append(one_run(tmp_path, case, shake=shake))
    for shake, done in runs.items():
        logs = [math.log(speedup.value) for speedup, _ in done]
        claimed = median(speedup.half_width for speedup, _ in done)
        faults = sorted(count for _, count in done)
        with capsys.disabled():
            print(
                f"\nlayout: {case.id}, {'drawn anew' if shake else 'as inherited'}: {RUNS} runs, speedup "
                f"{math.exp(mean(logs)):.2f}x, sd between runs {stdev(logs):.3f}, half-width claimed {claimed:.3f}, "
                f"native page faults a call {faults[0]:.0f} to {faults[-1]:.0f}"
            )
    center = mean(math.log(speedup.value) for speedup, _ in runs[True])
    held = sum(speedup.low <= math.exp(center) <= speedup.high for speedup, _ in runs[True])
    assert held >= 0.6 * RUNS
