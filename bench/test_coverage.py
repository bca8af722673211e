"""How often the printed intervals hold the value that they claim, over real repeats of a run.

The suite is run repeatedly on eight cases, each time in processes of its own, so that servers are fresh. The value that
an interval should hold is the mean of the same row in all other runs, weighted by their precision; that value's own
error counts too. The same is printed for the typical latencies, which also move with the machine's speed between runs.
Then runs are compared with each other, row by row.

FORMFUNC_REPEATS sets the number of runs (default 14, which is 112 intervals; some 15 minutes). FORMFUNC_RUNS, a glob of
files that ``--benchmark-json`` wrote, analyses these runs instead of measuring: FORMFUNC_RUNS="run-*.json".
"""

from __future__ import annotations

import glob
import math
import os
from pathlib import Path

import pytest
from intervals import (
    at_least,
    binomial_interval,
    compare_repeats,
    count_held,
    log_of,
    weighted_difference,
)
from suite import claimed, compare_runs, describe_repeats, read_records, run_suite

REPEATS = int(os.environ.get("FORMFUNC_REPEATS", "14"))
SAVED = os.environ.get("FORMFUNC_RUNS", "")
LEAST = 4  # repeats of a row: fewer others do not show a mean's error
ENOUGH = 100  # intervals to judge the share by
NARROW = 0.04
CASES = [
    "--formfunc-patterns", "residual_bottleneck,depthwise_separable,fire,channel_shuffle", "--formfunc-depths", "2,8",
]  # fmt: skip
# What is counted: the field of a record, and whether it is one of native.
KEPT = "speedup with memory kept"
FIELDS = {
    KEPT: ("speedup_memory_kept", False),
    "speedup by default": ("speedup", False),
    "accelerated latency": ("typical_s", False),
    "native latency by default": ("typical_s", True),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return the records of each run by the name of its file."""
    if SAVED:
        return {path: read_records(Path(path)) for path in sorted(glob.glob(SAVED))}
    folder, done = tmp_path_factory.mktemp("coverage"), {}
    for repeat in range(REPEATS):
        out = folder / f"{repeat:02}.json"
        run = run_suite(out, *CASES)
        assert run.code == 0, run.text
        done[out.name] = run.records
    return done


def repeats_of(runs, field, native):
    """Return, for each row, the logs of an estimate in the runs that claim one."""
    found = {}
    for records in runs.values():
        for title, estimate in claimed(records, field, native=native).items():
            if estimate is not None:
                found.setdefault(title, []).append(log_of(estimate))
    return found


def test_intervals_hold_what_other_runs_find(runs, capsys):
    """95% of the intervals of the speedup with memory kept do, by a one-sided binomial test at 1%."""
    shares = {name: count_held(repeats_of(runs, *field), LEAST) for name, field in FIELDS.items()}
    with capsys.disabled():
        print(f"\ncoverage: {len(runs)} runs")
        for name, (held, total) in shares.items():
            if total:
                low, high = binomial_interval(held, total)
                print(
                    f"coverage: {name}: {held} of {total} intervals hold the mean of the other runs: "
                    f"{held / total:.1%} ({low:.1%} to {high:.1%})"
                )
    held, total = shares[KEPT]
    if not total:
        pytest.skip(f"{LEAST} runs at least show the error of their mean; there are {len(runs)}")
    assert SAVED or total >= ENOUGH
    assert at_least(total - held, total, 0.05) > 0.01


def test_runs_agree_row_by_row(runs, capsys):
    """Differences between runs are beyond twice their standard error about as often as chance has it."""
    pairs = compare_runs(runs)
    everything = compare_repeats([one for differences in pairs.values() for one in differences])
    with capsys.disabled():
        print()
        for name, records in runs.items():
            print(f"coverage: {Path(name).name}: {describe_run(records)}")
        if len(runs) <= LEAST:
            for (one, other), differences in pairs.items():
                print(
                    f"coverage: {Path(one).name} and {Path(other).name}: "
                    f"{describe_repeats(compare_repeats(differences))}; "
                    f"{mean_difference(differences)}"
                )
        print(f"coverage: all pairs of runs: {describe_repeats(everything)}")
    assert everything.count


def describe_run(records):
    """Say how precise a run is: how many rows are narrow, which is the widest, and how many claim nothing."""
    rows = claimed(records)
    known = {title: one.half_width for title, one in rows.items() if one is not None}
    if not known:
        return "no row claims a speedup with memory kept"
    widest = max(known, key=lambda title: known[title])
    narrow = sum(width <= NARROW for width in known.values())
    return (
        f"{narrow} of {len(rows)} speedups within ±{NARROW:.0%}, the widest ±{known[widest]:.1%} ({widest}), "
        f"{len(rows) - len(known)} claim none"
    )


def mean_difference(differences):
    """Say by how much the rows of two runs differ together: what moves all rows of a run."""
    if not differences:
        return "no row in common"
    mean, error = weighted_difference(differences)
    return f"all rows together by {math.expm1(mean):+.2%} (standard error {error:.2%})"
