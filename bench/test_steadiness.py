"""Is the gate never red on unchanged code, and always red on a planted loss? Saved once, then compared again and again.

FORMFUNC_REPEATS says how often (default 10).
"""

from __future__ import annotations

import json
import math
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

REPEATS = int(os.environ.get("FORMFUNC_REPEATS", "10"))
FORMS = ["--formfunc-patterns", "residual_bottleneck,depthwise_separable", "--formfunc-depths", "8"]
SUITE = Path(__file__).parent / "test_forms.py"


def run(folder, *args):
    """Run the suite as a user would, in a process of its own; return its exit code, text and records."""
    out = folder / "now.json"
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", str(SUITE), "-p", "no:cacheprovider", f"--rootdir={SUITE.parent.parent}",
            *FORMS, f"--benchmark-storage={folder}/storage", f"--benchmark-json={out}", *args,
        ],
        capture_output=True, text=True, check=False, env={**os.environ, "CI": ""}, cwd=SUITE.parent.parent,
    )  # fmt: skip
    entries = json.loads(out.read_text())["benchmarks"]
    records = [entry["extra_info"]["formfunc"] for entry in entries]
    return done.returncode, done.stdout, [record for record in records if not record["native"]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    one = tmp_path_factory.mktemp("steadiness")
    code, text, _ = run(one, "--benchmark-save=base")
    assert code == 0, text
    return one


def test_unchanged_code_is_never_red(folder, capsys):
    """Saved, then compared: no red, and the verdicts counted."""
    verdicts, changes, reds = [], {}, 0
    for _ in range(REPEATS):
        code, _, records = run(folder, "--benchmark-compare")
        reds += code != 0
        for record in records:
            verdicts.append(record["verdict"]["status"])
            changes.setdefault(record["case"], []).append(math.log(record["verdict"]["change"]["value"]))
    counts = {status: verdicts.count(status) for status in sorted(set(verdicts))}
    with capsys.disabled():
        print(f"\nsteadiness: {REPEATS} unchanged runs, {reds} red; verdicts {counts}")
        for case, logs in changes.items():
            print(
                f"steadiness: {case}: changes {math.exp(min(logs)):.3f} to {math.exp(max(logs)):.3f}, "
                f"sd of the log between runs {statistics.stdev(logs):.3f}"
            )
    assert reds == 0


def test_a_planted_loss_is_always_red(folder, capsys):
    """The accelerated engine really does 30% more work a call: every run is red, and the sentence names it."""
    reds = rightly = total = 0
    for _ in range(REPEATS):
        code, _, records = run(folder, "--benchmark-compare", "--formfunc-plant", "openvino=30%", "-rf", "-vv")
        reds += code == 1
        for record in records:
            total += 1
            sentence = record["verdict"]["reason"]
            rightly += record["verdict"]["status"] == "regressed" and bool(
                re.search(r"on openvino lost speedup: .* then, .* now, .*threshold 10%.*", sentence)
            )
    with capsys.disabled():
        print(
            f"\nsteadiness: {REPEATS} runs with openvino slowed by 30%, {reds} red; "
            f"{rightly} of {total} verdicts regressed"
        )
    assert reds == REPEATS
