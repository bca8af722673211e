"""Is the gate to be trusted? False alarms and power, side by side, for as long as it is given (FORMFUNC_SECONDS).

Each pass judges every form once unchanged and once with a loss, as a run of the suite would: one family, one pool of
time. The loss is real: the accelerated engine's call is lengthened by a busy loop of a fraction of its own time. Beside
the verdicts: what pytest-benchmark's ``--benchmark-compare-fail=median:10%`` and asv's rule say of the same engine's
samples of this pass and of the pass before.

FORMFUNC_SECONDS is 600 unless told; FORMFUNC_LOAD=1 lets a neighbour burn one core at random; FORMFUNC_BUDGET is the
budget of a case (7 s), FORMFUNC_ESCALATION the time a comparison for more looks (20 s).
"""

from __future__ import annotations

import itertools
import math
import os
import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from statistics import fmean, median, stdev
from types import SimpleNamespace

import numpy as np
import pytest
from laboratory import Laboratory

from pytest_formfunc.backends import NATIVE
from pytest_formfunc.cases import pattern_case
from pytest_formfunc.gate.compare import measure_change
from pytest_formfunc.gate.decision import decide
from pytest_formfunc.gate.error_budget import Family
from pytest_formfunc.judging import MOST_LAUNCHES, SideBySideJudge
from pytest_formfunc.measure.launch import Part, launcher
from pytest_formfunc.measure.measure import CaseMeasurer, Effort
from pytest_formfunc.measure.sides import base_of
from pytest_formfunc.records import Samples

SECONDS = float(os.environ.get("FORMFUNC_SECONDS", "600"))
BUDGET_S = float(os.environ.get("FORMFUNC_BUDGET", "7"))
ESCALATION_S = float(os.environ.get("FORMFUNC_ESCALATION", "20"))
UNDER_LOAD = bool(os.environ.get("FORMFUNC_LOAD"))
THRESHOLD = 0.03
FORMS = [("residual_bottleneck", 8), ("depthwise_separable", 8), ("fire", 2), ("channel_shuffle", 8)]
LOSSES = {"unchanged": 0.0, "3% slower": 0.03, "5% slower": 0.05, "10% slower": 0.10, "20% slower": 0.20}
SAVED_THRESHOLD = 0.10
NEIGHBOUR = """
import random, time
generator = random.Random()
while True:
    end = time.perf_counter() + generator.expovariate(1 / 0.3)
    while time.perf_counter() < end:
        pass
    time.sleep(generator.expovariate(1 / 0.3))
"""


class Trial:
    """One case, measured against itself; what a judge asks of a run."""

    def __init__(self, laboratory, case, prepared, loss):
        part = Part(case.source, prepared)
        launch = launcher(laboratory.server, {False: part, True: part}, case.seed, {"openvino": loss} if loss else {})
        names = [NATIVE, "openvino"]
        self.part = part
        self.measurer = CaseMeasurer([*names, *map(base_of, names)], launch, laboratory.scratch)

    def measure(self):
        return self.measurer.measure(Effort(0.03, 2 * BUDGET_S))

    def measurement(self, case):
        return self.measurer.result

    def own_part(self, case):
        return self.part

    def other_part(self, case):
        return self.part

    def look_again(self, case, launches, only=()):
        began = time.monotonic()
        self.measurer.measure(Effort(0.03, BUDGET_S, extra_launches=launches, only=only))
        return time.monotonic() - began


class Pass:
    """The trials of one pass of a scenario; they share a judge."""

    def __init__(self):
        self.trials = {}

    def __getattr__(self, name):
        return lambda case, *args: getattr(self.trials[case.id], name)(case, *args)


def mann_whitney_p(first, second):
    """Return the two-sided p of the Mann-Whitney test by its normal approximation (as asv's rule uses it)."""
    ranks = np.argsort(np.argsort(np.concatenate([first, second]))) + 1
    n, m = len(first), len(second)
    u = ranks[:n].sum() - n * (n + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(z) / math.sqrt(2))


def as_saved(measurement):
    """Return native's and the engine's rounds as a saved run holds them."""
    pair = measurement.together(NATIVE, "openvino")
    return tuple(Samples(tuple(map(tuple, launches)), ()) for launches in pair)


def others_say(now, then):
    """Return whether pytest-benchmark's median:10% and asv's rule would be red."""
    factor = np.median(now) / np.median(then)
    return int(factor > 1.10), int(factor > 1.10 and mann_whitney_p(now, then) < 0.002)


def bound(events, trials):
    """Return the 95% upper bound of a chance: exact where there were none, else Wilson's (1927)."""
    if not trials:
        return 1.0
    if not events:
        return 1 - 0.05 ** (1 / trials)
    z, share = 1.645, events / trials
    center = share + z * z / (2 * trials)
    reach = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return (center + reach) / (1 + z * z / trials)


@pytest.fixture
def neighbour():
    process = subprocess.Popen([sys.executable, "-c", NEIGHBOUR]) if UNDER_LOAD else None
    yield
    if process:
        process.kill()
        process.wait()


def report(verdicts, changes, seconds, looks, others, launch_s, against_saved):
    for scenario, counts in against_saved.items():
        print(
            f"gate quality: against a run saved minutes before, threshold {SAVED_THRESHOLD:.0%}, one look: "
            f"{scenario:11} {counts.total():4} judged, {counts['regressed']:4} red, {dict(counts)}"
        )
    every = [value for values in seconds.values() for value in values]
    print(f"\ngate quality: side by side, threshold {THRESHOLD:.0%}, {'under load' if UNDER_LOAD else 'quiet'}")
    for scenario, counts in verdicts.items():
        total = counts.total()
        change = math.exp(fmean(changes[scenario]))
        spread = stdev(changes[scenario]) if total > 1 else 0.0
        print(
            f"gate quality: {scenario:11} {total:4} judged, {counts['regressed']:4} red "
            f"({counts['regressed'] / total:.1%}), {dict(counts)}; change {change:.3f}x, sd {spread:.3f}; "
            f"looks {fmean(looks[scenario]):.1f}"
        )
    counts = verdicts["unchanged"]
    print(
        f"gate quality: {counts['regressed']} of {counts.total()} false alarms: a rate of at most "
        f"{bound(counts['regressed'], counts.total()):.1%} (95%)"
    )
    print(
        f"gate quality: the engine's own samples of two passes: median:10% red in {others['median']}, "
        f"asv's rule in {others['asv']} of {others['compared']}"
    )
    print(
        f"gate quality: seconds a verdict: median {median(every):.1f}, worst {max(every):.1f}; "
        f"{MOST_LAUNCHES} launches for all would take {MOST_LAUNCHES * fmean(launch_s):.0f} s each"
    )


def test_false_alarms_and_power_side_by_side(tmp_path, neighbour, capsys):  # noqa: PLR0915 - one ledger, one loop
    """Unchanged code is never red; how often a true loss is, is printed, and asserted where enough were judged."""
    laboratory = Laboratory(tmp_path)
    revision = SimpleNamespace(title="the same code")
    cases = [pattern_case(pattern, depth, 64) for pattern, depth in FORMS]
    prepared = {case.id: laboratory.prepare(case) for case in cases}
    verdicts, changes, seconds, looks = defaultdict(Counter), defaultdict(list), defaultdict(list), defaultdict(list)
    others, launch_s, last, saved, against_saved = Counter(), [], {}, {}, defaultdict(Counter)
    generator = random.Random(0)
    losses = itertools.cycle([scenario for scenario in LOSSES if scenario != "unchanged"])
    end = time.monotonic() + SECONDS
    try:
        while time.monotonic() < end:
            scenarios = ["unchanged", next(losses)]  # half of all judgements are of unchanged code
            generator.shuffle(scenarios)
            laboratory.server.close()  # each pass has a server of its own, as two runs have
            laboratory = Laboratory(tmp_path)
            for scenario in scenarios:
                group = Pass()
                judge = SideBySideJudge(group, SimpleNamespace(revision=revision), len(cases), ESCALATION_S)
                for case in generator.sample(cases, len(cases)):
                    began = time.monotonic()
                    trial = group.trials[case.id] = Trial(laboratory, case, prepared[case.id], LOSSES[scenario])
                    first = trial.measure()
                    launch_s.append(first.spent_s / len(first.series[NATIVE].launches))
                    pair = as_saved(first)
                    if case.id in saved:
                        looks_at_saved = Family(len(cases)).next_looks().next_alpha(1.0)
                        status = decide(measure_change(pair, [saved[case.id]]), SAVED_THRESHOLD, looks_at_saved)
                        against_saved[scenario][status] += 1
                    verdict = judge.judge(case, "openvino", THRESHOLD)
                    seconds[scenario].append(time.monotonic() - began)
                    looks[scenario].append(verdict.looks)
                    verdicts[scenario][verdict.status] += 1
                    changes[scenario].append(math.log(verdict.change.value))
                    if scenario == "unchanged":
                        now = np.concatenate(trial.measurer.result.series["openvino"].per_round(0.5))
                        if case.id in last:
                            said = others_say(now, last[case.id])
                            others.update(compared=1, median=said[0], asv=said[1])
                        last[case.id], saved[case.id] = now, pair
                if time.monotonic() > end:
                    break
    finally:
        laboratory.server.close()
    with capsys.disabled():
        report(verdicts, changes, seconds, looks, others, launch_s, against_saved)
    assert verdicts["unchanged"]["regressed"] == 0
    for scenario, share in (("5% slower", 0.9), ("10% slower", 0.99)):
        counts = verdicts[scenario]
        if counts.total() >= 20 and not UNDER_LOAD:
            reds = counts["regressed"]
            assert 1 - bound(counts.total() - reds, counts.total()) <= reds / counts.total()
            assert bound(reds, counts.total()) >= share
