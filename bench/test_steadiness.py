"""Check that the gate against saved runs is never red on unchanged code, and is red on a planted loss.

This runs the suite repeatedly as a user does, each time in new processes: each run is saved under one name and compared
with the earlier runs of that name (``--formfunc-baseline``). FORMFUNC_REPEATS sets the number of runs (default 10; for
a planted loss ten at most).
"""

from __future__ import annotations

import math
import os
import re
import statistics
from collections import Counter

import pytest
from intervals import bound
from suite import run_suite

REPEATS = int(os.environ.get("FORMFUNC_REPEATS", "10"))
PLANTED = min(REPEATS, 10)
FORMS = [
    "--formfunc-patterns", "residual_bottleneck,depthwise_separable,fire,channel_shuffle", "--formfunc-depths", "8",
]  # fmt: skip


def run(folder, *args):
    """Run the suite as a user would; return its exit code, output and records."""
    out = folder / f"{len(list(folder.iterdir())):03}.json"
    done = run_suite(out, *FORMS, f"--benchmark-storage={folder}/storage", *args)
    return done.code, done.text, [record for record in done.records if not record.native]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with one run saved under the name that later runs are compared with."""
    one = tmp_path_factory.mktemp("steadiness")
    code, text, _ = run(one, "--benchmark-save=main")
    assert code == 0, text
    return one


def describe(records):
    """Return a text with the number of verdicts of each kind."""
    counts = Counter(record.verdict.status for record in records)
    return ", ".join(f"{number} {status}" for status, number in counts.most_common())


def test_unchanged_code_is_never_red(folder, capsys):
    """Each run is compared with the saved ones, then saved: at most one test in two hundred is red."""
    found, red_runs, last, steps = [], 0, {}, {}
    for _ in range(REPEATS):
        code, _, records = run(folder, "--formfunc-baseline=main", "--benchmark-save=main")
        red_runs += code != 0
        found += records
        for record in records:
            if record.ranked_speedup is None:  # other work disturbed it, so that it claims none
                continue
            log = math.log(record.ranked_speedup.value)
            if record.case in last:
                steps.setdefault(record.case, []).append(log - last[record.case])
            last[record.case] = log
    reds = sum(record.verdict.status == "regressed" for record in found)
    with capsys.disabled():
        print(f"\nsteadiness: {REPEATS} unchanged runs, {red_runs} red; {len(found)} verdicts: {describe(found)}")
        print(f"steadiness: {reds} false alarms: a rate of at most {bound(reds, len(found)):.1%} a test (95%)")
        for case, logs in steps.items():
            spread = math.sqrt(statistics.fmean(step**2 for step in logs) / 2)
            changes = [record.verdict.smallest_change for record in found if record.case == case]
            smallest = [f"{change:.0%}" for change in changes if change is not None] or ["unknown"]
            print(
                f"steadiness: {case}: sd of the log speedup between runs {spread:.3f}; "
                f"smallest loss seen {smallest[0]} at first, {smallest[-1]} at last"
            )
    assert reds <= len(found) // 200


@pytest.mark.parametrize("loss", ["20%", "30%"])
def test_a_planted_loss_is_red(folder, loss, capsys):
    """The accelerated engine does more work in each call: every run is red, and the message names what was lost."""
    found, red_runs, rightly = [], 0, 0
    for _ in range(PLANTED):
        code, _, records = run(folder, "--formfunc-baseline=main", f"--formfunc-plant=openvino={loss}", "-rf", "-vv")
        red_runs += code == 1
        found += records
        for record in records:
            rightly += bool(
                re.search(r"on openvino lost speedup: .* then, .* now, .*threshold 10%.*", record.verdict.reason)
            )
    reds = sum(record.verdict.status == "regressed" for record in found)
    with capsys.disabled():
        print(
            f"\nsteadiness: {PLANTED} runs with openvino slowed by {loss}, {red_runs} red; {len(found)} verdicts: "
            f"{describe(found)}; {rightly} sentences say so"
        )
    assert red_runs == PLANTED
    assert rightly == reds
    assert reds >= 0.9 * len(found)
