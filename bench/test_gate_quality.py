"""False alarms and power of the side-by-side gate, measured for FORMFUNC_SECONDS.

Each pass judges every form twice unchanged and once with a loss, each time as a run of the suite does: all forms are
measured in turn, then judged with one error budget and one pool of time. In one of the two unchanged scenarios, and in
every other loss, native counts as another program, so that all four series are judged (FORMFUNC_SERIES=two leaves that
out). The loss is real: a busy loop lengthens the accelerated engine's calls by a fraction of their time.
For comparison, this also prints what pytest-benchmark's ``--benchmark-compare-fail=median:10%`` and asv's rule would
say about the same engine's samples in this pass and the previous one.

FORMFUNC_SECONDS is 600 by default; FORMFUNC_LOAD=1 starts a process that uses one core at random times; FORMFUNC_BUDGET
is the budget of a case (7 s), FORMFUNC_ESCALATION the time for more looks of a comparison (45 s, and 120 s where the
threshold is 1%); FORMFUNC_ONLY="5% slower;10% slower" judges only these in each pass.
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
from dataclasses import dataclass, replace
from statistics import fmean, median, stdev

import numpy as np
import pytest
from intervals import bound
from laboratory import Laboratory
from machine import stolen_and_busy, stolen_since

from pytest_formfunc.cases import pattern_case
from pytest_formfunc.gate.error_budget import Family
from pytest_formfunc.gate.judge import Evidence, OtherSide
from pytest_formfunc.gate.side_by_side import MOST_LAUNCHES, SideBySideJudge
from pytest_formfunc.measure.effort import Effort
from pytest_formfunc.measure.participants import Participant, Side
from pytest_formfunc.measure.together import Reserve, measure_together
from pytest_formfunc.stats.servers import ENOUGH_SERVERS

SECONDS = float(os.environ.get("FORMFUNC_SECONDS", "600"))
BUDGET_S = float(os.environ.get("FORMFUNC_BUDGET", "7"))
ESCALATION_S = float(os.environ.get("FORMFUNC_ESCALATION", "0")) or None
ALL_FOUR = os.environ.get("FORMFUNC_SERIES", "four") == "four"
ONLY = [name for name in os.environ.get("FORMFUNC_ONLY", "").split(";") if name]
UNDER_LOAD = bool(os.environ.get("FORMFUNC_LOAD"))
FORMS = [("residual_bottleneck", 8), ("depthwise_separable", 8), ("fire", 2), ("channel_shuffle", 8)]
DOUBLE = ", all four series"


@dataclass(frozen=True)
class Scenario:
    """What is done to one side, and how it is judged.

    Attributes:
        loss: fraction by which each call of the accelerated engine is lengthened.
        threshold: of the verdicts.
        escalation_s: seconds for more looks of a comparison.
        least: share of the verdicts that must be red, unless the machine is under load.
    """

    loss: float
    threshold: float = 0.03
    escalation_s: float = 45.0
    least: float = 0.0


# In the order in which the losses take their turns.
SCENARIOS = {
    "unchanged": Scenario(0.0),
    "3% slower": Scenario(0.03, least=0.9),
    "1% slower, judged at 1%": Scenario(0.01, 0.01, 120.0),
    "5% slower": Scenario(0.05, least=0.95),
    "10% slower": Scenario(0.10, least=0.99),
}
NEIGHBOUR = """
import random, time
generator = random.Random()
while True:
    end = time.perf_counter() + generator.expovariate(1 / 0.3)
    while time.perf_counter() < end:
        pass
    time.sleep(generator.expovariate(1 / 0.3))
"""

HERE = Participant("openvino")


class Trial:
    """One case, measured against itself."""

    def __init__(self, laboratory, case, prepared, loss, *, native_differs):
        program = {**prepared.program, "digest": "another"} if native_differs else prepared.program
        self.case, self.prepared, self.prepared_there = case, prepared, replace(prepared, program=program)
        self.key = (case.id, HERE.backend)
        sides = {Side.HERE: self.prepared, Side.THERE: self.prepared_there}
        self.measurer = laboratory.measurer(case, sides, slow_down={HERE.backend: loss} if loss else {})

    def evidence(self):
        """Return what the judge looks at."""
        result = self.measurer.result
        return Evidence(self.key, lambda: None, result, self.prepared, self.prepared_there, self.look_again)

    def look_again(self, more):
        began = time.monotonic()
        self.measurer.measure_more(more)
        return time.monotonic() - began


def mann_whitney_p(first, second):
    """Return the two-sided p value of the Mann-Whitney test by its normal approximation, as asv's rule uses it."""
    ranks = np.argsort(np.argsort(np.concatenate([first, second]))) + 1
    n, m = len(first), len(second)
    u = ranks[:n].sum() - n * (n + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(z) / math.sqrt(2))


def others_say(now, then):
    """Return whether pytest-benchmark's median:10% and asv's rule would each report a regression (1 or 0)."""
    factor = np.median(now) / np.median(then)
    return int(factor > 1.10), int(factor > 1.10 and mann_whitney_p(now, then) < 0.002)


@pytest.fixture
def neighbour():
    process = subprocess.Popen([sys.executable, "-c", NEIGHBOUR]) if UNDER_LOAD else None
    yield
    if process:
        process.kill()
        process.wait()


class Tally:
    """Verdicts by scenario and by form, and what the other rules would have said."""

    def __init__(self):
        self.verdicts, self.changes, self.looks = defaultdict(Counter), defaultdict(list), defaultdict(list)
        self.by_form, self.smallest = defaultdict(Counter), defaultdict(list)
        self.seconds, self.launch_s, self.others = defaultdict(list), [], Counter()

    def add(self, scenario, case, verdict, seconds):
        self.seconds[scenario].append(seconds)
        self.looks[scenario].append(verdict.looks)
        self.changes[scenario].append(math.log(verdict.change.value))
        for counts in (self.verdicts[scenario], self.by_form[case.id, scenario]):
            counts[verdict.status] += 1
        if verdict.status == "inconclusive":
            self.smallest[case.id, verdict.threshold].append(verdict.smallest_change)

    def so_far(self):
        """Return a line with the red verdicts so far, in case a run of hours is stopped before its report."""
        red = ", ".join(f"{counts['regressed']} of {counts.total()} {name}" for name, counts in self.verdicts.items())
        return f"gate quality: {sum(map(sum, self.seconds.values())):.0f} s of verdicts; red so far: {red}"

    def report(self, stolen):
        load = "under load" if UNDER_LOAD else "no load of ours"
        print(
            f"\ngate quality: side by side, threshold 3% where no other is named, {load}; "
            f"the host gave {stolen:.1%} of this machine's busy time to others"
        )
        for scenario, counts in self.verdicts.items():
            total, changes, seconds = counts.total(), self.changes[scenario], self.seconds[scenario]
            spread = stdev(changes) if total > 1 else 0.0
            print(
                f"gate quality: {scenario:28} {total:4} judged, {counts['regressed']:4} red "
                f"({counts['regressed'] / total:.1%}), {dict(counts)}; change {math.exp(fmean(changes)):.3f}x, "
                f"sd {spread:.3f}; looks {fmean(self.looks[scenario]):.1f}; "
                f"seconds a verdict: median {median(seconds):.1f}, worst {max(seconds):.1f}"
            )
        for form in dict.fromkeys(form for form, _ in self.by_form):
            of_form = {scenario: self.by_form[form, scenario] for scenario in self.verdicts}
            red = ", ".join(f"{counts['regressed']} of {counts.total()} {name}" for name, counts in of_form.items())
            seen = ", ".join(
                f"{median(smallest):.1%} at a threshold of {threshold:.0%}"
                for (one, threshold), smallest in sorted(self.smallest.items(), reverse=True)
                if one == form
            )
            unsure = f"; smallest loss that inconclusive ones would have seen (median): {seen}" if seen else ""
            print(f"gate quality: {form}: red {red}{unsure}")
        counts = self.verdicts["unchanged"] + self.verdicts["unchanged" + DOUBLE]
        print(
            f"gate quality: {counts['regressed']} of {counts.total()} false alarms: a rate of at most "
            f"{bound(counts['regressed'], counts.total()):.1%} (95%)"
        )
        print(
            f"gate quality: the engine's own samples of two passes: median:10% red in {self.others['median']}, "
            f"asv's rule in {self.others['asv']} of {self.others['compared']}"
        )
        print(
            f"gate quality: a launch of a case took {fmean(self.launch_s):.2f} s in the mean; "
            f"{MOST_LAUNCHES}, the most for a verdict, would take {MOST_LAUNCHES * fmean(self.launch_s):.0f} s"
        )


def test_false_alarms_and_power_side_by_side(tmp_path, neighbour, capsys):
    """Unchanged code is never red, and no loss is red so rarely that its share must be too small."""
    unknown = [name for name in ONLY if name.removesuffix(DOUBLE) not in SCENARIOS]
    assert not unknown, (
        f"FORMFUNC_ONLY names {unknown}: there are {list(SCENARIOS)}, each also with {DOUBLE!r} after it"
    )
    laboratory = Laboratory(tmp_path)
    same_code = OtherSide("the same code", "HEAD", "0" * 40)
    cases = [pattern_case(pattern, depth, 64) for pattern, depth in FORMS]
    prepared = {case.id: laboratory.prepare(case) for case in cases}
    tally, last = Tally(), {}
    generator = random.Random(0)
    series = ("", DOUBLE) if ALL_FOUR else ("",)
    losses = itertools.cycle([name + which for which in series for name, one in SCENARIOS.items() if one.loss])
    end = time.monotonic() + SECONDS
    before = stolen_and_busy()
    try:
        while time.monotonic() < end:
            scenarios = ONLY or ["unchanged", f"unchanged{series[-1]}", next(losses)]
            generator.shuffle(scenarios)
            laboratory.close()  # each pass has its own servers, as each run has
            laboratory = Laboratory(tmp_path)
            laboratory.start()
            this_pass = {}
            for scenario in scenarios:
                plan = SCENARIOS[scenario.removesuffix(DOUBLE)]
                judge = SideBySideJudge(same_code, Family(len(cases)), ESCALATION_S or plan.escalation_s)
                trials = [
                    Trial(
                        laboratory, case, prepared[case.id], plan.loss,
                        native_differs=scenario.endswith(DOUBLE),
                    )
                    for case in generator.sample(cases, len(cases))
                ]  # fmt: skip
                effort = Effort(0.03, 2 * BUDGET_S, enough=ENOUGH_SERVERS)
                measure_together([(trial.measurer, effort) for trial in trials], Reserve(), laboratory.pace)
                for trial in trials:
                    case, result = trial.case, trial.measurer.result
                    tally.launch_s.append(result.spent_s / trial.measurer.launches)
                    verdict = judge.judge(trial.evidence(), plan.threshold).verdict
                    tally.add(scenario, case, verdict, result.spent_s)
                    if scenario.startswith("unchanged"):
                        now = np.concatenate(result.series[HERE].per_round(0.5))
                        if case.id in last:
                            said = others_say(now, last[case.id])
                            tally.others.update(compared=1, median=said[0], asv=said[1])
                        this_pass[case.id] = now
                if time.monotonic() > end:
                    break
            last |= this_pass
            with capsys.disabled():
                print(f"\n{tally.so_far()}", end="", flush=True)
    finally:
        laboratory.close()
        if tally.seconds:  # also after Ctrl-C
            with capsys.disabled():
                tally.report(stolen_since(before))
    assert tally.verdicts["unchanged"]["regressed"] == tally.verdicts["unchanged" + DOUBLE]["regressed"] == 0
    if not UNDER_LOAD:
        check_power(tally.verdicts)


def check_power(verdicts):
    """Check that the 95% upper bound of each share of losses found is not below the share that the gate must reach."""
    for scenario, counts in verdicts.items():
        red, total, least = counts["regressed"], counts.total(), SCENARIOS[scenario.removesuffix(DOUBLE)].least
        assert bound(red, total) >= least, f"{scenario}: {red} of {total} red, of which {least:.0%} must be"
