"""Is the gate against saved runs never red on unchanged code, and red on a planted loss?

Runs the suite as a user does, each time in processes of its own: saved under one name, compared with what was saved
under it before (``--formfunc-baseline``), again and again. FORMFUNC_REPEATS says how often (default 10; a planted
loss ten times at most).
"""

from __future__ import annotations

import json
import math
import os
import re
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from laboratory import bound

REPEATS = int(os.environ.get("FORMFUNC_REPEATS", "10"))
PLANTED = min(REPEATS, 10)
FORMS = [
    "--formfunc-patterns", "residual_bottleneck,depthwise_separable,fire,channel_shuffle", "--formfunc-depths", "8",
]  # fmt: skip
SUITE = Path(__file__).parent / "test_forms.py"


def run(folder, *args):
    """Run the suite as a user would; return its exit code, text and records."""
    out = folder / f"{len(list(folder.iterdir())):03}.json"
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
    """Give a folder where one run is saved under the name that the others are compared with."""
    one = tmp_path_factory.mktemp("steadiness")
    code, text, _ = run(one, "--benchmark-save=main")
    assert code == 0, text
    return one


def describe(records):
    """Return how many verdicts there are of each kind."""
    counts = Counter(record["verdict"]["status"] for record in records)
    return ", ".join(f"{number} {status}" for status, number in counts.most_common())


def test_unchanged_code_is_never_red(folder, capsys):
    """Compared with what was saved before, then saved itself: no red run in ten, one test in two hundred at most."""
    found, red_runs, last, steps = [], 0, {}, {}
    for _ in range(REPEATS):
        code, _, records = run(folder, "--formfunc-baseline=main", "--benchmark-save=main")
        red_runs += code != 0
        found += records
        for record in records:
            log = math.log(record["speedup"]["value"])
            if record["case"] in last:
                steps.setdefault(record["case"], []).append(log - last[record["case"]])
            last[record["case"]] = log
    reds = sum(record["verdict"]["status"] == "regressed" for record in found)
    with capsys.disabled():
        print(f"\nsteadiness: {REPEATS} unchanged runs, {red_runs} red; {len(found)} verdicts: {describe(found)}")
        print(f"steadiness: {reds} false alarms: a rate of at most {bound(reds, len(found)):.1%} a test (95%)")
        for case, logs in steps.items():
            spread = math.sqrt(statistics.fmean(step**2 for step in logs) / 2)
            smallest = [record["verdict"]["smallest_change"] for record in found if record["case"] == case]
            print(
                f"steadiness: {case}: sd of the log speedup between runs {spread:.3f}; "
                f"smallest loss seen {smallest[0]:.0%} at first, {smallest[-1]:.0%} at last"
            )
    assert reds <= len(found) // 200


@pytest.mark.parametrize("loss", ["20%", "30%"])
def test_a_planted_loss_is_red(folder, loss, capsys):
    """The accelerated engine really does more work a call: every run is red, and the sentence names what was lost."""
    found, red_runs, rightly = [], 0, 0
    for _ in range(PLANTED):
        code, _, records = run(folder, "--formfunc-baseline=main", f"--formfunc-plant=openvino={loss}", "-rf", "-vv")
        red_runs += code == 1
        found += records
        for record in records:
            rightly += bool(
                re.search(r"on openvino lost speedup: .* then, .* now, .*threshold 10%.*", record["verdict"]["reason"])
            )
    reds = sum(record["verdict"]["status"] == "regressed" for record in found)
    with capsys.disabled():
        print(
            f"\nsteadiness: {PLANTED} runs with openvino slowed by {loss}, {red_runs} red; {len(found)} verdicts: "
            f"{describe(found)}; {rightly} sentences say so"
        )
    assert red_runs == PLANTED
    assert rightly == reds
    assert reds >= 0.9 * len(found)
