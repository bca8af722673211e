"""Time that the installed plugin adds to a pytest run that does not use it: under 50 ms, by alternating runs."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from statistics import median

PAIRS = int(os.environ.get("FORMFUNC_REPEATS", "40"))
TEST = "def test_nothing():\n    assert 1 + 1 == 2\n"


def run_s(folder, *args):
    """Return the seconds of one pytest run in a separate process."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *args], cwd=folder, check=True,
        capture_output=True,
    )  # fmt: skip
    return time.perf_counter() - began


def test_a_run_elsewhere_costs_less_than_50_ms_more(tmp_path, capsys):
    """Compare pairs of runs with and without the plugin, in alternating order."""
    (tmp_path / "test_nothing.py").write_text(TEST)
    run_s(tmp_path)
    extra = []
    for pair in range(PAIRS):
        seconds = {}
        for off in (False, True) if pair % 2 else (True, False):
            seconds[off] = run_s(tmp_path, *(("-p", "no:formfunc") if off else ()))
        extra.append(seconds[False] - seconds[True])
    generator = random.Random(0)
    medians = sorted(median(generator.choices(extra, k=PAIRS)) for _ in range(5000))
    low, high = medians[125], medians[4874]
    with capsys.disabled():
        print(
            f"\noverhead: a run with the plugin takes {median(extra) * 1e3:.0f} ms more than without it "
            f"({low * 1e3:.0f} to {high * 1e3:.0f} ms) over {PAIRS} pairs"
        )
    assert low < 0.050
