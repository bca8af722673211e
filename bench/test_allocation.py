"""What a further launch of a comparison should be: how many rounds, and which of them count.

One form after the other is compared with itself, in launches of many rounds. Prints how far launches' means scatter
when only their first rounds are taken, by what is left out of the mean at either end, and the standard error that the
suite's time for a comparison buys so. Then what the rule of `measure/schedule.py` chooses from the first six rounds.

FORMFUNC_REPEATS says how many launches a form (default 20).
"""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from laboratory import Laboratory

from pytest_formfunc.backends import NATIVE
from pytest_formfunc.cases import pattern_case
from pytest_formfunc.measure.launch import Part, launcher
from pytest_formfunc.measure.measure import CaseMeasurer, Effort, MoreLaunches
from pytest_formfunc.measure.schedule import STEADY_ROUNDS, plan_turn, round_seconds, steady_rounds
from pytest_formfunc.measure.sides import base_of
from pytest_formfunc.stats import trimmed_mean
from pytest_formfunc.stats.allocation import Scatter, scatter_of
from pytest_formfunc.stats.bootstrap import paired_log_ratios

LAUNCHES = int(os.environ.get("FORMFUNC_REPEATS", "20"))
TIME_S = 20.0
MANY = STEADY_ROUNDS[1]
ROUNDS = (4, 6, 12, 24, MANY)
FORMS = [("residual_bottleneck", 8), ("depthwise_separable", 8), ("fire", 2), ("channel_shuffle", 8)]
LEFT_OUT = {"an eighth": 1 / 8, "a quarter": 1 / 4, "three eighths": 3 / 8, "all but the middle": 1 / 2}


def middle(rounds, share):
    """Return the mean of what is left of the rounds."""
    ordered = np.sort(rounds)
    cut = min(int(share * len(ordered)), (len(ordered) - 1) // 2)
    return float(ordered[cut : len(ordered) - cut].mean())


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Return by form: each launch's log ratios of rounds, seconds to load one, of a round, and of its calls alone."""
    laboratory, found = Laboratory(tmp_path_factory.mktemp("allocation")), {}
    only_rounds_scatter = Scatter(1.0, 1e-4, 1e-4)  # asks for as many as there may be
    try:
        for pattern, depth in FORMS:
            case = pattern_case(pattern, depth, 64)
            part = Part(case.source, laboratory.prepare(case))
            launch = launcher(laboratory.server, {False: part, True: part}, case.seed, {})
            names = [NATIVE, "openvino"]
            measurer = CaseMeasurer([*names, *map(base_of, names)], launch, laboratory.scratch)
            result = measurer.measure(Effort(0.03, 1.0))
            pair = ("openvino", base_of("openvino"))
            first, spent_s, load_s = len(result.series["openvino"].launches), result.spent_s, result.load_s
            measurer.measure_more(MoreLaunches(LAUNCHES, pair, scatter=only_rounds_scatter))
            load_s = (result.load_s - load_s) / LAUNCHES
            round_s = ((result.spent_s - spent_s) / LAUNCHES - load_s) / MANY
            logs = np.array(paired_log_ratios(*reversed(result.together(*pair)))[first:])
            calls_s = [float(np.median(np.concatenate(side))) for side in result.together(*pair)]
            found[case.id] = logs, load_s, round_s, round_seconds([plan_turn(call_s) for call_s in calls_s], calls_s)
    finally:
        laboratory.server.close()
    return found


def test_which_rounds_of_a_launch_count(measured, capsys):
    """What the suite leaves out must not be beaten clearly by leaving out more or less, over all forms."""
    ours, others = [], {name: [] for name in LEFT_OUT}
    with capsys.disabled():
        print(f"\nallocation: sd of {LAUNCHES} launches' means, the same code on both sides; left out at either end:")
        for case, (logs, *_) in measured.items():
            for rounds in (6, MANY):
                spread = {
                    name: np.std([middle(launch[:rounds], share) for launch in logs], ddof=1)
                    for name, share in LEFT_OUT.items()
                }
                chosen = np.std(trimmed_mean(logs[:, :rounds]), ddof=1)
                ours.append(math.log(chosen))
                for name, value in spread.items():
                    others[name].append(math.log(value))
                cells = ", ".join(f"{name} {value:.4f}" for name, value in spread.items())
                print(f"allocation: {case:36} {rounds:2} rounds: {cells}; ours {chosen:.4f}")
    assert all(np.mean(ours) - np.mean(values) < math.log(1.25) for values in others.values())


def test_how_many_rounds_a_launch_should_have(measured, capsys):
    """In the time of a comparison the rule's choice is at most half as unsure again as the best choice of hindsight."""
    with capsys.disabled():
        print(f"\nallocation: standard error of the mean that {TIME_S:.0f} s of launches buy, by rounds a launch")
        for case, (logs, load_s, round_s, planned_s) in measured.items():
            errors = {
                rounds: float(np.std(trimmed_mean(logs[:, :rounds]), ddof=1))
                * math.sqrt((load_s + rounds * round_s) / TIME_S)
                for rounds in ROUNDS
            }
            chosen = steady_rounds(scatter_of(logs[:, :6]), round_s, load_s, TIME_S, LAUNCHES)
            nearest = min(ROUNDS, key=lambda rounds: abs(math.log(rounds / chosen)))
            cells = ", ".join(f"{rounds}: {error:.4f}" for rounds, error in errors.items())
            print(
                f"allocation: {case:36} load {load_s:.2f} s, {round_s * 1e3:.0f} ms a round "
                f"({round_s / planned_s:.2f} times its calls as warmed up); {cells}; "
                f"from six rounds of each the rule has {chosen}"
            )
            assert errors[nearest] <= 1.5 * min(errors.values())
