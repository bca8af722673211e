"""What the machine's pace says about speedups: forms beside the pace, for FORMFUNC_SECONDS (default 150).

In each round the pace is taken, then native and OpenVINO of each form have a turn, all with memory kept and in the same
processes throughout. Rounds are classed by the slower pace of their begin and their end. Prints how often each class
occurs, each form's speedup in it, and how much a round scatters: what the limits in ``measure/pace.py`` rest on.
"""

from __future__ import annotations

import math
import os
import time
from collections import defaultdict
from contextlib import ExitStack
from itertools import pairwise
from statistics import fmean, stdev

import pytest
from laboratory import Laboratory, turn

from pytest_formfunc.cases import pattern_case
from pytest_formfunc.measure.pace import NEAR, SLOWER
from pytest_formfunc.stats import quantile

SECONDS = float(os.environ.get("FORMFUNC_SECONDS", "150"))
FORMS = [("fire", 8), ("channel_shuffle", 8), ("bottleneck", 8), ("plain", 2)]
BEST = 0.1  # quantile of all paces
ENOUGH = 20  # rounds of a class, for a figure
CLASSES = {
    f"up to {NEAR:g} times the best": (0.0, NEAR),
    "between": (NEAR, SLOWER),
    f"above {SLOWER:g} times": (SLOWER, math.inf),
}


@pytest.fixture
def laboratory(tmp_path):
    one = Laboratory(tmp_path, servers=1)
    yield one
    one.close()


def test_speedups_beside_the_pace(laboratory, capsys):
    """A form's speedup near the best pace scatters less than over all rounds, slow ones included."""
    rounds = []
    with ExitStack() as stack:
        workers = {}
        for pattern, depth in FORMS:
            case = pattern_case(pattern, depth, 64)
            prepared = laboratory.prepare(case)
            workers[case.id] = [
                stack.enter_context(laboratory.worker(case, prepared, backend, keep_memory=True))
                for backend in ("native", "openvino")
            ]
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            pace = laboratory.pace.take()
            rounds.append((pace, {name: [turn(*one) for one in pair] for name, pair in workers.items()}))
    best = quantile([pace for pace, _ in rounds], BEST)
    found = defaultdict(list)
    for (before, latencies), (after, _) in pairwise(rounds):
        pace = max(before, after) / best
        kind = next(name for name, (low, high) in CLASSES.items() if low < pace <= high)
        found[kind].append((math.log(before * after / best**2) / 2, latencies))
    with capsys.disabled():
        print(f"\npace: best {best * 1e3:.3f} ms; {len(rounds)} rounds")
        for name in CLASSES:
            print(f"pace: {name:25} {len(found[name]):4} rounds ({len(found[name]) / (len(rounds) - 1):.0%})")
            for form in workers if len(found[name]) >= ENOUGH else ():
                logs = [log_ratio(latencies, form) for _, latencies in found[name]]
                print(f"pace:     {form:42} {math.exp(fmean(logs)):.2f}x, a round scatters by {stdev(logs):.1%}")
        near, between = (found[name] for name in list(CLASSES)[:2])
        if len(between) >= ENOUGH:
            for what, of in (("speedup", log_ratio), ("native", log_of(0)), ("openvino", log_of(1))):
                slopes = [slope([near, between], lambda row, form=form, of=of: of(row, form)) for form in workers]
                said = ", ".join(f"{one:+.2f}" for one in slopes)
                print(
                    f"pace: {what} moves by {said} for each unit of the log of the pace: {quadratic_mean(slopes):.2f}"
                )
    assert len(near) >= ENOUGH, "the machine was hardly ever near its best pace"
    for form in workers:
        together = [log_ratio(latencies, form) for some in found.values() for _, latencies in some]
        assert stdev([log_ratio(latencies, form) for _, latencies in near]) <= 1.2 * stdev(together)


def log_ratio(latencies, form):
    return math.log(latencies[form][0] / latencies[form][1])


def log_of(side):
    return lambda latencies, form: math.log(latencies[form][side])


def slope(classes, of):
    """Return how much the mean of something changes between two classes of rounds, for each unit of their log pace."""
    (pace, value), (later_pace, later_value) = (
        (fmean(pace for pace, _ in some), fmean(of(latencies) for _, latencies in some)) for some in classes
    )
    return (later_value - value) / (later_pace - pace)


def quadratic_mean(values):
    return math.sqrt(fmean(value**2 for value in values))
