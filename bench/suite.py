"""Run the suite as a user does: pytest in a process of its own, for the benches that judge whole runs."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from intervals import Repeats, difference, log_of

from pytest_formfunc.records import Record
from pytest_formfunc.stats import Estimate
from pytest_formfunc.stats.student import Mean

SUITE = Path(__file__).parent / "test_forms.py"


@dataclass(frozen=True)
class SuiteRun:
    """One run of the suite.

    Attributes:
        code: its exit code.
        text: what it printed.
        seconds: how long it took, from start to end.
        records: its records, in their order.
    """

    code: int
    text: str
    seconds: float
    records: tuple[Record, ...]


def run_suite(out: Path, *args: str, file: Path = SUITE, folder: Path = SUITE.parent.parent) -> SuiteRun:
    """Run the suite, or another file, with some options, and keep its records in the file ``out``.

    Args:
        out: the file.
        args: the options.
        file: the file of tests.
        folder: of the project that the tests are of, in which pytest is started.
    """
    began = time.monotonic()
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", str(file), "-p", "no:cacheprovider", f"--rootdir={folder}",
            f"--benchmark-json={out}", *args,
        ],
        capture_output=True, text=True, check=False, env={**os.environ, "CI": ""}, cwd=folder,
    )  # fmt: skip
    seconds = time.monotonic() - began
    assert out.is_file(), done.stdout + done.stderr
    return SuiteRun(done.returncode, done.stdout, seconds, read_records(out))


def read_records(path: Path) -> tuple[Record, ...]:
    """Return the records of a file that pytest-benchmark wrote."""
    entries = json.loads(path.read_text())["benchmarks"]
    return tuple(Record.from_json(entry["extra_info"]["formfunc"]) for entry in entries)


def claimed(
    records: Iterable[Record], field: str = "speedup_memory_kept", *, native: bool = False
) -> dict[str, Estimate | None]:
    """Return an estimate of each record by its title; None where none is claimed, or its interval is open.

    Args:
        records: of a run.
        field: name of the estimate among a record's fields.
        native: whether to take native's records instead of the accelerated ones.
    """
    found = {record.title: getattr(record, field) for record in records if record.native == native}
    return {title: one if one is not None and math.isfinite(one.high) else None for title, one in found.items()}


def compare_runs(runs: Mapping[str, Iterable[Record]]) -> dict[tuple[str, str], list[Mean]]:
    """Return, for each pair of runs by their names, the differences of the speedups that both claim."""
    logs = {
        name: {title: log_of(one) for title, one in claimed(records).items() if one is not None}
        for name, records in runs.items()
    }
    return {
        (one, other): [difference(logs[one][title], logs[other][title]) for title in logs[one] if title in logs[other]]
        for one, other in combinations(logs, 2)
    }


def describe_repeats(found: Repeats) -> str:
    """Say how many rows of repeated runs differ by more than chance has it."""
    share = found.beyond / max(found.count, 1)
    return (
        f"{found.beyond} of {found.count} rows differ by more than 2 standard errors ({share:.1%}; by Student's t "
        f"{found.due:.1f} are due), {found.outside} by more than their 95% interval"
    )
