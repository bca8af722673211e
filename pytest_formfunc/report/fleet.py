"""Runs of many machines as text: the parts of a run put together, and how long a run takes on how many machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from pytest_formfunc.journal.lines import Row
from pytest_formfunc.records import Key
from pytest_formfunc.report.saved import render_saved
from pytest_formfunc.stats.balance import wall_seconds


class Whole(Protocol):
    """The parts of a run, put together (`pytest_formfunc.gate.merging.Merged`)."""

    failures: dict[Key, str]
    faults: list[str]


def render_merged(merged: Whole, rows: Mapping[Key, Row]) -> Iterator[str]:
    """Render the rows of each machine, the verdicts, and what is missing; unlike machines are never in one mean."""
    machines: dict[str, list[Row]] = {}
    for row in rows.values():
        machines.setdefault(row.record.fingerprint, []).append(row)
    for fingerprint, of_it in machines.items():
        host = of_it[0].record.host
        title = f"machine {fingerprint}: {host.get('cpu', 'unknown')}, {host.get('cores', '?')} cores"
        yield from render_saved(title, [row.record for row in of_it])
    verdicts = [row.record.verdict for row in rows.values() if row.record.verdict is not None]
    for verdict in verdicts:
        if verdict.status not in ("unchanged",):
            yield f"{verdict.status}: {verdict.reason}"
    statuses = [verdict.status for verdict in verdicts]
    if statuses:
        yield f"verdicts: {', '.join(f'{statuses.count(one)} {one}' for one in dict.fromkeys(statuses))}"
    for key, reason in merged.failures.items():
        yield f"not measured: {' on '.join(key)}: {reason}"
    for fault in merged.faults:
        yield f"incomplete: {fault}"


def render_fleet(seconds: Mapping[str, tuple[float, float]], hosts: Sequence[int], workers: int) -> Iterator[str]:
    """Render how long a run takes on how many machines.

    Args:
        seconds: time to prepare and to measure each case.
        hosts: numbers of machines.
        workers: processes of each machine that prepare side by side.
    """
    preparing = {name: one for name, (one, _) in seconds.items()}
    measuring = {name: one for name, (_, one) in seconds.items()}
    yield f"{len(seconds)} cases: {sum(preparing.values()):.0f} s preparing, {sum(measuring.values()):.0f} s measuring"
    yield f"{'machines':>8} {'wall time':>10} {'gain':>7} {'in use':>7}"
    alone = wall_seconds(preparing, measuring, 1, workers=workers)
    for count in hosts:
        wall = wall_seconds(preparing, measuring, count, workers=workers)
        gain = alone / wall if wall else 1.0
        yield f"{count:>8} {wall:>8.0f} s {gain:>6.1f}x {gain / count:>7.0%}"
