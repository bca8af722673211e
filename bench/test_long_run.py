"""A run of two hours: memory and descriptors of every process, and what the harness costs a case, stay as they are.

What pytest's own process keeps of each case, its record with all rounds, is what it grows by: a figure of its own.

One pytest process measures one small model after another. Every few seconds the processes of the run are read; the
journal has the time that a case takes beyond what it was measured for. The first tenth is left out: caches fill.

FORMFUNC_SECONDS sets its length (default 7200).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

from pytest_formfunc.journal.folder import read_with_parts

SECONDS = float(os.environ.get("FORMFUNC_SECONDS", "7200"))
LOOK_EVERY_S = 5.0
PARTS = 10
A_CASE_KB = 200.0  # that pytest's process may keep of each
GROWTH = 1.10  # of the median of a part over that of the second part
TESTS = """
import time

import pytest
import torch

BEGAN = time.monotonic()


@pytest.mark.parametrize("number", range(MOST))
def test_net(formfunc, number, request):
    if time.monotonic() - BEGAN > SECONDS:
        request.session.shouldstop = "the time is over"
        pytest.skip("the time is over")
    torch.manual_seed(number % 16)
    formfunc(torch.nn.Conv2d(3, 4 + number % 16, 3), torch.ones(1, 3, 16, 16))
"""


@dataclass
class Look:
    """What the processes of the run had at one moment; bytes of the memory that each has for itself."""

    at_s: float
    pytest_bytes: int
    descriptors: int
    threads: int
    servers: list[int] = field(default_factory=list)
    server_descriptors: list[int] = field(default_factory=list)
    processes: int = 0


def private_bytes(pid):
    """Return the memory that a process shares with no other."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


def children(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(one) for one in (task / "children").read_text().split()]
    return found


def look(pid, began):
    servers = [one for one in children(pid) if b"measure.server" in Path(f"/proc/{one}/cmdline").read_bytes()]
    return Look(
        time.monotonic() - began,
        private_bytes(pid),
        len(os.listdir(f"/proc/{pid}/fd")),
        len(os.listdir(f"/proc/{pid}/task")),
        [private_bytes(one) for one in servers],
        [len(os.listdir(f"/proc/{one}/fd")) for one in servers],
        sum(len(children(one)) for one in servers),
    )


def _seconds(journal, key):
    row = journal.rows[key]
    return row.preparing_s, row.measuring_s


def by_part(pairs):
    """Return the median of each part of the run, of pairs of a time and a value."""
    parts = [[] for _ in range(PARTS)]
    for at_s, value in pairs:
        parts[min(PARTS - 1, int(at_s / SECONDS * PARTS))].append(value)
    return [median(part) if part else float("nan") for part in parts]


def test_a_long_run_is_flat(tmp_path, capsys):
    """Memory, descriptors and threads of every process, and seconds of the harness a case."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_net.py").write_text(TESTS.replace("SECONDS", str(SECONDS)).replace("MOST", str(int(SECONDS))))
    began, started = time.monotonic(), time.time()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--formfunc-budget=1s", "--formfunc-threads=1",
         "--formfunc-journal=run.jsonl", "--formfunc-cache-dir=cache"],
        cwd=tmp_path, env={**os.environ, "CI": ""}, stdout=(tmp_path / "out.txt").open("w"), stderr=subprocess.STDOUT,
    )  # fmt: skip
    looks = []
    while process.poll() is None:
        time.sleep(LOOK_EVERY_S)
        try:
            looks.append(look(process.pid, began))
        except OSError:  # a process has ended in between
            continue
    journal = read_with_parts(tmp_path / "run.jsonl")
    ends = sorted(
        (at - started, *_seconds(journal, key))
        for key, at in journal.times.items()
        if key[1] != "native" and key in journal.rows  # what could not be measured has no row
    )
    harness = [(now, now - before - sum(seconds)) for (before, *_), (now, *seconds) in pairwise(ends)]
    figures = {
        "pytest, MB": [value / 1e6 for value in by_part((one.at_s, one.pytest_bytes) for one in looks)],
        "largest server, MB": [v / 1e6 for v in by_part((one.at_s, max(one.servers)) for one in looks if one.servers)],
        "descriptors of pytest": by_part((one.at_s, one.descriptors) for one in looks),
        "descriptors of a server": by_part(
            (one.at_s, max(one.server_descriptors)) for one in looks if one.server_descriptors
        ),
        "threads of pytest": by_part((one.at_s, one.threads) for one in looks),
        "harness, s a case": by_part(harness),
    }
    with capsys.disabled():
        print(f"\nlong run: {len(journal.rows) // 2} cases in {looks[-1].at_s:.0f} s, {len(looks)} looks; by tenths")
        for name, values in figures.items():
            print(f"long run: {name:24}" + "".join(f" {value:7.2f}" for value in values))
    pytest_mb, cases = figures["pytest, MB"], len(journal.rows) / 2
    kept_kb = (pytest_mb[-1] - pytest_mb[1]) * 1e3 / (cases * (PARTS - 2) / PARTS)
    with capsys.disabled():
        print(f"long run: pytest's process keeps {kept_kb:.0f} kB of a case")
    assert kept_kb < A_CASE_KB
    assert process.returncode in (0, 2), (tmp_path / "out.txt").read_text()[-2000:]
    for name, values in figures.items():
        if name == "pytest, MB":
            continue
        assert values[-1] <= values[1] * GROWTH + (0.02 if "harness" in name else 0.0), name
