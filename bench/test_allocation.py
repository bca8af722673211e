"""How further launches of a comparison should be made: how many rounds, in which order, and which rounds count.

Each form is compared with itself, in launches of many rounds. This prints how far launches' means scatter if only their
first rounds are used, for several shares left out of the mean at each end; the standard error that 20 s of launches
then give; and the number of rounds that the rule of `measure/schedule.py` chooses from the first six rounds. The same
number of launches is also made with another order of turns, in which the side that begins changes each round.
Rounds that other work on the machine disturbed are left out, and a launch that loses a third of them is made again.

FORMFUNC_REPEATS sets the number of launches for each form and order (default 20; fewer than 10 may fail by chance).
"""

from __future__ import annotations

import math
import os
from types import SimpleNamespace

import numpy as np
import pytest
from laboratory import Laboratory

from pytest_formfunc.cases import pattern_case
from pytest_formfunc.measure import rounds as measuring
from pytest_formfunc.measure.case_measurer import CaseMeasurer
from pytest_formfunc.measure.effort import MoreLaunches
from pytest_formfunc.measure.launch import PreparedSide, launcher
from pytest_formfunc.measure.lineup import Lineup
from pytest_formfunc.measure.participants import Participant, Side
from pytest_formfunc.measure.rounds import Conditions
from pytest_formfunc.measure.schedule import STEADY_ROUNDS, plan_turn, round_seconds, steady_rounds, turn_order
from pytest_formfunc.stats import trimmed_mean
from pytest_formfunc.stats.allocation import Scatter, scatter_of
from pytest_formfunc.stats.pairs import paired_log_ratios

LAUNCHES = int(os.environ.get("FORMFUNC_REPEATS", "20"))
BLOCK = 5  # launches of one order before the other's, because the host's speed drifts
TIME_S = 20.0
MANY = STEADY_ROUNDS[1]
ROUNDS = (4, 6, 12, 24, MANY)
FORMS = [("residual_bottleneck", 8), ("depthwise_separable", 8), ("fire", 2), ("channel_shuffle", 8)]
HERE = Participant("openvino")
PAIR = (HERE, HERE.counterpart)
LEAST = MANY * 2 // 3  # undisturbed rounds of a launch
MOST_TRIES = 4  # times the launches wanted: a machine that disturbs more of them is no place for this bench
LEFT_OUT = {"an eighth": 1 / 8, "a quarter": 1 / 4, "three eighths": 3 / 8, "all but the middle": 1 / 2}


def middle(rounds, share):
    """Return the mean of the rounds without a share of them at each end."""
    ordered = np.sort(rounds)
    cut = min(int(share * len(ordered)), (len(ordered) - 1) // 2)
    return float(ordered[cut : len(ordered) - cut].mean())


def spread_of(launches, rounds):
    """Return the standard deviation of the means of launches, as the suite trims them, if only so many rounds count."""
    return float(np.std([trimmed_mean(launch[:rounds]) for launch in launches], ddof=1))


def turning(count, launch, round_index):
    """Return the order of a round in which the side that begins changes: each side then has two turns in a row."""
    return turn_order(count, launch + round_index, 0)


class Launches:
    """Launches of one form compared with itself, and the log ratios of their rounds for either order of turns."""

    def __init__(self, laboratory, case):
        side = PreparedSide(case.source, laboratory.prepare(case))
        launch = launcher(laboratory.server, {Side.HERE: side, Side.THERE: side}, case.seed, {})
        server = laboratory.server
        conditions = Conditions(threads=laboratory.threads, servers=server.size, clock=server.clock)
        self._measurer = CaseMeasurer(Lineup(PAIR), launch, laboratory.scratch, conditions)
        self._launch()  # the first one plans its turns by its warm-up only
        self.alternating, self.turning = [], []
        self.load_s = self.spent_s = 0.0
        self.made = 0

    def more(self, count, logs):
        result = self._measurer.result
        for _ in range(MOST_TRIES * count):
            load_s, spent_s = result.load_s, result.spent_s
            rounds = self._launch()
            self.made += 1
            self.load_s += result.load_s - load_s
            self.spent_s += result.spent_s - spent_s
            count -= len(rounds) >= LEAST
            logs += [rounds] if len(rounds) >= LEAST else []
            if not count:
                return
        pytest.fail("other work on the machine disturbs most launches: run this bench where less of it is done")

    def found(self):
        load_s = self.load_s / self.made
        calls_s = [float(np.median(np.concatenate(launches))) for launches in self._measurer.result.together(*PAIR)]
        return SimpleNamespace(
            logs=self.alternating,
            turning=self.turning,
            load_s=load_s,
            round_s=(self.spent_s / self.made - load_s) / MANY,
            calls_s=round_seconds([plan_turn(call_s) for call_s in calls_s], calls_s),
        )

    def _launch(self):
        """Make one launch of the most rounds that the schedule allows, and return their log ratios."""
        only_rounds_scatter = Scatter(1.0, 1e-4, 1e-4)
        self._measurer.measure_more(MoreLaunches(1, PAIR, scatter=only_rounds_scatter, patient=True))
        return paired_log_ratios(*reversed(self._measurer.result.together(*PAIR)))[-1]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Return, by form: log ratios of rounds in either order, seconds to load, of a round, and of its calls alone."""
    laboratory, found = Laboratory(tmp_path_factory.mktemp("allocation")), {}
    try:
        laboratory.start()
        for pattern, depth in FORMS:
            case = pattern_case(pattern, depth, 64)
            launches = Launches(laboratory, case)
            for done in range(0, LAUNCHES, BLOCK):
                count = min(BLOCK, LAUNCHES - done)
                launches.more(count, launches.alternating)
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(measuring, "turn_order", turning)
                    launches.more(count, launches.turning)
            found[case.id] = launches.found()
    finally:
        laboratory.close()
    return found


def test_which_rounds_of_a_launch_count(measured, capsys):
    """Over all forms, leaving out more or less than the suite does must not be clearly better."""
    ours, others = [], {name: [] for name in LEFT_OUT}
    with capsys.disabled():
        print(f"\nallocation: sd of {LAUNCHES} launches' means, the same code on both sides; left out at either end:")
        for case, form in measured.items():
            for rounds in (6, MANY):
                spread = {
                    name: np.std([middle(launch[:rounds], share) for launch in form.logs], ddof=1)
                    for name, share in LEFT_OUT.items()
                }
                chosen = spread_of(form.logs, rounds)
                ours.append(math.log(chosen))
                for name, value in spread.items():
                    others[name].append(math.log(value))
                cells = ", ".join(f"{name} {value:.4f}" for name, value in spread.items())
                print(f"allocation: {case:36} {rounds:2} rounds: {cells}; ours {chosen:.4f}")
    assert all(np.mean(ours) - np.mean(values) < math.log(1.25) for values in others.values())


def test_two_sides_should_alternate(measured, capsys):
    """Over all forms, launches' means must not scatter clearly more than with an order that turns each round."""
    ratios = []
    with capsys.disabled():
        print(f"\nallocation: sd of {LAUNCHES} launches' means, by the order of turns:")
        for case, form in measured.items():
            for rounds in (12, MANY):
                ours, other = (spread_of(logs, rounds) for logs in (form.logs, form.turning))
                ratios.append(math.log(ours / other))
                print(f"allocation: {case:36} {rounds:2} rounds: alternating {ours:.4f}, turning {other:.4f}")
        print(f"allocation: alternating scatters {math.exp(np.mean(ratios)):.2f} times as much, over all")
    assert np.mean(ratios) < math.log(1.1)


def test_how_many_rounds_a_launch_should_have(measured, capsys):
    """In a comparison's time, the rule's choice has at most 1.5 times the standard error of the best choice."""
    far = []
    with capsys.disabled():
        print(f"\nallocation: standard error of the mean that {TIME_S:.0f} s of launches buy, by rounds a launch")
        for case, form in measured.items():
            errors = {
                rounds: spread_of(form.logs, rounds) * math.sqrt((form.load_s + rounds * form.round_s) / TIME_S)
                for rounds in ROUNDS
            }
            chosen = steady_rounds(
                scatter_of([launch[:6] for launch in form.logs]), form.calls_s, form.load_s, TIME_S, LAUNCHES
            )
            nearest = min(ROUNDS, key=lambda rounds: abs(math.log(rounds / chosen)))
            cells = ", ".join(f"{rounds}: {error:.4f}" for rounds, error in errors.items())
            print(
                f"allocation: {case:36} load {form.load_s:.2f} s, {form.round_s * 1e3:.0f} ms a round "
                f"({form.round_s / form.calls_s:.2f} times its calls); {cells}; "
                f"from six rounds of each the rule has {chosen}"
            )
            far += [case] if errors[nearest] > 1.5 * min(errors.values()) else []
    assert not far
