"""What a quiet machine is: how long threads wait for cores without other programs and beside busy loops, and the pool.

Prints what the limit in ``measure/quiet.py`` rests on, and what starting the servers costs. It takes about a minute.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import pytest
from laboratory import Laboratory

from pytest_formfunc.cases import pattern_case
from pytest_formfunc.host import allowed_cores
from pytest_formfunc.measure.quiet import MOST_WAITING
from pytest_formfunc.measure.schedule import plan_turn

FORMS = [("residual_bottleneck", 8), ("fire", 2), ("plain", 8)]
TURNS = 40
BUSY_LOOP = "while True: pass"


@pytest.fixture
def laboratory(tmp_path):
    one = Laboratory(tmp_path, servers=5)
    yield one
    one.close()


def private_bytes(pid):
    """Return the memory that a process has for itself."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))


def waiting(laboratory, case, prepared, backend):
    """Return, for each turn of one worker, the share of the time for which each of its threads waited for a core."""
    shares = []
    with laboratory.worker(case, prepared, backend) as (worker, call_s):
        for _ in range(TURNS):
            found = worker.ask(plan_turn(call_s)).disturbance
            shares.append(found.run_delay_s / laboratory.threads / found.wall_s)
    return sorted(shares)


def test_what_the_pool_costs(laboratory, capsys):
    """Servers that start together take less time than one after the other."""
    began = time.monotonic()
    laboratory.server.begin(1)
    laboratory.server.wait()
    one_s = time.monotonic() - began
    laboratory.start()
    five_s = time.monotonic() - began
    each = median(private_bytes(pid) for pid in laboratory.server.pids)
    with capsys.disabled():
        print(
            f"\nquiet: one server starts in {one_s:.2f} s, four more side by side in {five_s - one_s:.2f} s; each has "
            f"{each / 1e6:.0f} MB for itself"
        )
    assert five_s - one_s < 4 * one_s


def test_busy_loops_are_seen(laboratory, capsys):
    """In the median turn threads wait for less than the limit on a quiet machine, and for more beside a busy loop."""
    prepared = {}
    for pattern, depth in FORMS:
        case = pattern_case(pattern, depth, 64)
        prepared[case] = laboratory.prepare(case)
    medians = {}
    for loops in (0, 1, allowed_cores()):
        programs = [subprocess.Popen([sys.executable, "-c", BUSY_LOOP]) for _ in range(loops)]
        try:
            for case, artifacts in prepared.items():
                for backend in ("native", "openvino"):
                    shares = waiting(laboratory, case, artifacts, backend)
                    above = sum(share > MOST_WAITING for share in shares) / len(shares)
                    medians.setdefault(loops, []).append(median(shares))
                    with capsys.disabled():
                        print(
                            f"\nquiet: {loops} busy loops, {case.id:27} on {backend:8}: each thread waits "
                            f"{median(shares):.1%} of the time in the median turn ({shares[0]:.1%} to "
                            f"{shares[-1]:.1%}); {above:.0%} of turns are above {MOST_WAITING:.0%}",
                            end="",
                        )
        finally:
            for program in programs:
                program.kill()
                program.wait()
    quiet = medians.pop(0)
    assert max(quiet) < MOST_WAITING < min(min(shares) for shares in medians.values())
