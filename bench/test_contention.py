"""Other programs on the cores must not become speedup: the suite as a user runs it, beside busy loops.

One busy loop, or one for each core, is switched on and off at random moments while the suite measures eight cases. Each
row that claims a speedup with memory kept is compared with a longer quiet run just before; rows that claim none say so.
Quiet runs of the usual effort in between show what the comparison itself is worth. Then the loops stay on throughout:
every row must claim nothing, or be right.

FORMFUNC_REPEATS sets the number of runs for each number of loops (default 5); more are made, up to twice as many, until
60 rows claim a speedup. FORMFUNC_SECONDS sets the longer run's budget for a case (default 21). PYTEST_ADDOPTS may give
the runs further options. It takes some 25 minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from contextlib import contextmanager
from statistics import fmean

import pytest
from intervals import Rows, beside, binomial_interval
from suite import claimed, run_suite

from pytest_formfunc.host import allowed_cores

REPEATS = int(os.environ.get("FORMFUNC_REPEATS", "5"))
LONG_S = float(os.environ.get("FORMFUNC_SECONDS", "21"))
ENOUGH = 60  # rows that claim a speedup
CASES = [
    "--formfunc-patterns", "residual_bottleneck,depthwise_separable,fire,channel_shuffle", "--formfunc-depths", "2,8",
]  # fmt: skip
# Seconds that a loop is on and off, in the mean; both are exponential. Loops of one seed are on at the same time.
ON_S, OFF_S = 2.0, 3.0
HOG = """
import random, sys, time
generator, on_s, off_s = random.Random(int(sys.argv[1])), float(sys.argv[2]), float(sys.argv[3])
while True:
    if off_s:
        time.sleep(generator.expovariate(1 / off_s))
    end = time.perf_counter() + generator.expovariate(1 / on_s)
    while time.perf_counter() < end:
        pass
"""


@contextmanager
def hogs(count, seed, *, off_s=OFF_S):
    """Keep so many busy loops running; they are never off where ``off_s`` is 0."""
    command = [sys.executable, "-c", HOG, str(seed), str(ON_S), str(off_s)]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


class Machine:
    """Runs of the suite on one machine, and a longer quiet one to compare them with."""

    def __init__(self, folder):
        self.folder = folder
        self.runs = 0
        long = self.run("--formfunc-precision", "0.5%", "--formfunc-budget", f"{LONG_S:g}s")
        self.reference, self.reference_s = claimed(long.records), long.seconds
        self.rows, self.seconds, self.codes = defaultdict(Rows), defaultdict(list), []

    def run(self, *args):
        self.runs += 1
        return run_suite(self.folder / f"{self.runs:03}.json", *CASES, *args)

    def add(self, scenario):
        """Run the suite, and compare its rows with the reference."""
        done = self.run()
        self.codes.append(done.code)
        self.seconds[scenario].append(done.seconds)
        self.rows[scenario] += beside(claimed(done.records), self.reference)

    def describe(self, scenario):
        rows = self.rows[scenario]
        low, high = binomial_interval(len(rows.missed), rows.claimed)
        return (
            f"contention: {scenario:22} {rows.claimed:3} rows claim a speedup, {len(rows.missed)} of them outside "
            f"their interval ({low:.1%} to {high:.1%}), {rows.unclaimed} claim none; "
            f"{fmean(self.seconds[scenario]):.0f} s a run"
        )


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """Return a machine with its reference values; artifacts are converted in that run, and found by later ones."""
    one = Machine(tmp_path_factory.mktemp("contention"))
    assert any(one.reference.values()), "the quiet run claims nothing: this machine has no quiet moment"
    return one


def name_of(count):
    return f"{count} loop{'s' * (count != 1)}"


COUNTS = sorted({1, allowed_cores()})


def test_rows_beside_loops_that_come_and_go_are_right_or_claim_nothing(machine, capsys):
    """Rows are outside their 95% intervals no more often than that allows, by a one-sided binomial test at 1%."""
    loud = Rows()
    for repeat in range(2 * REPEATS):
        if repeat >= REPEATS and loud.claimed >= ENOUGH:
            break
        machine.add("quiet")
        for count in COUNTS:
            with hogs(count, seed=100 * repeat + count):
                machine.add(name_of(count))
        loud = sum((machine.rows[name_of(count)] for count in COUNTS), Rows())
        with capsys.disabled():  # an interrupted bench leaves what it has found so far
            print(f"\ncontention: after {repeat + 1} repeats:")
            for scenario in machine.rows:
                print(machine.describe(scenario))
    with capsys.disabled():
        known = sum(one is not None for one in machine.reference.values())
        print(f"\ncontention: {known} cases have a reference, from a quiet run of {machine.reference_s:.0f} s")
        for scenario in ("quiet", *map(name_of, COUNTS)):
            print(machine.describe(scenario))
        print(
            f"contention: with loops {len(loud.missed)} of {loud.claimed} rows are outside: as many or more have a "
            f"chance of {loud.chance:.3f} if each is with 5% ({', '.join(loud.missed) or 'none'})"
        )
    assert not any(machine.codes)
    assert loud.claimed >= ENOUGH
    assert loud.chance > 0.01


def test_rows_beside_loops_that_stay_claim_nothing_or_are_right(machine, capsys):
    """Nothing can be measured undisturbed; what claims a speedup all the same must be right."""
    missed = ()
    for count in COUNTS:
        scenario = f"{name_of(count)} all the time"
        with hogs(count, seed=count, off_s=0.0):
            machine.add(scenario)
        with capsys.disabled():
            print(f"\n{machine.describe(scenario)}", end="")
        missed += machine.rows[scenario].missed
    assert not any(machine.codes)
    assert not missed
