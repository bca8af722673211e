"""Does it matter that processes whose threads spin are stopped between turns, in place of waiting until they sleep?

Launches of a form are made in both ways, each server in both, and what a round takes is told beside what its calls
take. FORMFUNC_REPEATS is the number of launches of a form in each way (12).
"""

from __future__ import annotations

import math
import os
import time
from statistics import mean, median, variance

import pytest
from laboratory import Laboratory

from pytest_formfunc.cases import pattern_case
from pytest_formfunc.measure import workers
from pytest_formfunc.measure.effort import Effort
from pytest_formfunc.measure.participants import Participant, Side
from pytest_formfunc.measure.rounds import LaunchRounds
from pytest_formfunc.stats.student import t_quantile

REPEATS = int(os.environ.get("FORMFUNC_REPEATS", "12"))
FORMS = [("plain", 2), ("depthwise_separable", 8), ("fire", 8), ("channel_shuffle", 8)]
WAYS = ("waited for", "stopped")


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    one = Laboratory(tmp_path_factory.mktemp("parking"))
    one.start()
    yield one
    one.close()


@pytest.mark.parametrize(("pattern", "depth"), FORMS)
def test_a_speedup_is_the_same_in_both_ways(laboratory, pattern, depth, monkeypatch, capsys):
    """It differs by no more than its 99% interval, and stopping does not take longer."""
    case = pattern_case(pattern, depth, 64)
    measurer = laboratory.measurer(case, {Side.HERE: laboratory.prepare(case)})
    ways: list[str] = []
    spent: dict[str, list[float]] = {way: [] for way in WAYS}  # seconds of rounds / of their calls
    made = LaunchRounds.make

    def timed(rounds, planned, until_s):
        began = time.perf_counter()
        made(rounds, planned, until_s)
        elapsed_s = time.perf_counter() - began
        turns = [(rounds.turns[one], rounds._calls_s[one]) for round in rounds._rounds for one in round]
        spent[ways[-1]].append(elapsed_s / sum((turn.discard + turn.calls) * seconds for turn, seconds in turns))

    monkeypatch.setattr(LaunchRounds, "make", timed)
    hold = workers.hold
    pool = laboratory.server.size
    for launch in range(2 * REPEATS):
        ways.append(WAYS[(launch + launch // pool) % 2])
        monkeypatch.setattr(workers, "hold", hold if ways[-1] == "stopped" else lambda pid, pidfd: False)
        measurer.advance(Effort(0.0, math.inf))
    native, accelerated = measurer.result.ranked_pair(Participant("openvino"))
    logs = {
        way: [
            median(math.log(one / other) for one, other in zip(*rounds, strict=True))
            for number, *rounds in zip(
                measurer.result.series[native].numbers,
                measurer.result.series[native].per_round(0.5),
                measurer.result.series[accelerated].per_round(0.5),
                strict=True,
            )
            if ways[number] == way
        ]
        for way in WAYS
    }
    change = mean(logs["stopped"]) - mean(logs["waited for"])
    error = math.sqrt(sum(variance(one) / len(one) for one in logs.values()))
    half = t_quantile(0.01, min(map(len, logs.values())) - 1) * error
    waited, stopped = (median(spent[way]) for way in WAYS)
    with capsys.disabled():
        print(
            f"\nparking: {case.id}: speedup {math.exp(change) - 1:+.1%} ({math.exp(change - half) - 1:+.1%} to "
            f"{math.exp(change + half) - 1:+.1%}) where processes are stopped; a round takes {waited:.2f} times its "
            f"calls where they are waited for, and {stopped:.2f} times where they are stopped; launches scatter by "
            f"{math.sqrt(variance(logs['waited for'])):.1%} and {math.sqrt(variance(logs['stopped'])):.1%}"
        )
    assert abs(change) <= half
    assert stopped <= 1.1 * waited
