"""How long a participant's calls are disturbed by the turn of another one: which calls of a turn need not be counted.

Two participants alternate, as in a launch, and every call of their turns is kept. Each call's time over that of the
turn's later calls says how far it is off by its place. FORMFUNC_REPEATS is the number of launches of each form (6).
"""

from __future__ import annotations

import os
from collections import defaultdict
from statistics import median

import pytest
from intervals import median_ratio, within
from laboratory import Laboratory

from pytest_formfunc.cases import pattern_case
from pytest_formfunc.measure.protocol import Turn
from pytest_formfunc.measure.schedule import SLOW_CALL_S
from pytest_formfunc.measure.worker import LONG_CALL_S

REPEATS = int(os.environ.get("FORMFUNC_REPEATS", "6"))
ROUNDS = 24  # of each launch
CALLS = 6  # of each turn
LATER = slice(3, CALLS)  # these count as settled
FORMS = [("depthwise_separable", 8, 64), ("fire", 8, 64), ("residual_bottleneck", 8, 64), ("plain", 8, 128)]
LONG = [("attention", 2, 64), ("plain", 8, 128)]
OFF = 0.02  # of its time, at most, where it is counted


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    one = Laboratory(tmp_path_factory.mktemp("settling"))
    yield one
    one.close()


@pytest.mark.parametrize(("pattern", "depth", "width"), FORMS)
def test_the_second_call_of_a_turn_is_settled_where_it_is_counted(laboratory, pattern, depth, width, capsys):
    """It is counted where a call takes `SLOW_CALL_S` or more: one such call has filled the caches."""
    case = pattern_case(pattern, depth, width)
    prepared = laboratory.prepare(case)
    off = {"native": defaultdict(list), "openvino": defaultdict(list)}
    call_s = {}
    for launch in range(REPEATS):
        with (
            laboratory.worker(case, prepared, "native", launch, keep_memory=True) as (native, native_s),
            laboratory.worker(case, prepared, "openvino", launch) as (engine, engine_s),
        ):
            call_s = {"native": native_s, "openvino": engine_s}
            for _ in range(ROUNDS):
                seconds = {
                    name: worker.ask(Turn(0, CALLS)).calls_s
                    for name, worker in (("native", native), ("openvino", engine))
                }
                for name, calls in seconds.items():
                    for place in range(3):
                        off[name][place].append(calls[place] / median(calls[LATER]))
    with capsys.disabled():
        print()
        for name, places in off.items():
            ratios = [median_ratio(places[place]) for place in range(3)]
            said = ", ".join(f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})" for one in ratios)
            print(f"settling: {case.id} on {name}, {call_s[name] * 1e3:.2f} ms: first three calls / later ones: {said}")
    slow = [name for name, seconds in call_s.items() if seconds > SLOW_CALL_S]
    assert all(within(median_ratio(off[name][1]), OFF) for name in slow)


@pytest.mark.parametrize(("pattern", "depth", "width"), LONG)
def test_one_call_warms_a_process_up_where_calls_are_long(laboratory, pattern, depth, width, capsys):
    """The first turn's second call is as long as later ones: loading ends with one call, and a turn begins with one."""
    case = pattern_case(pattern, depth, width)
    prepared = laboratory.prepare(case)
    off, call_s = defaultdict(list), {}
    kinds = {"native": ("native", False), "native with memory kept": ("native", True), "openvino": ("openvino", False)}
    for launch in range(2 * REPEATS):
        for name, (backend, keeps) in kinds.items():
            with laboratory.worker(case, prepared, backend, launch, keep_memory=keeps) as (worker, call_s[name]):
                calls = worker.ask(Turn(0, CALLS + 2)).calls_s
                off[name].append(calls[1] / median(calls[2:]))
    long = [name for name, seconds in call_s.items() if seconds > LONG_CALL_S]
    found = {name: median_ratio(ratios) for name, ratios in off.items()}
    with capsys.disabled():
        print()
        for name, one in found.items():
            said = f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"
            print(f"warming up: {case.id} on {name}, {call_s[name] * 1e3:.1f} ms: second call / later ones: {said}")
    assert long, "no call is long enough here to say anything"
    assert all(found[name].low <= 1 + OFF and found[name].high >= 1 - OFF for name in long)
