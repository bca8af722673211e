"""Saved runs as text: one run, two compared, many in a row."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from pytest_formfunc.journal.folder import Listed
from pytest_formfunc.journal.lines import Journal
from pytest_formfunc.records import Key, Record
from pytest_formfunc.records.parts import Verdict
from pytest_formfunc.report.figures import NONE, native_ms, own_ms, range_text, rank, speedup_text
from pytest_formfunc.results import HistoryRow
from pytest_formfunc.stats.mean import geometric_mean
from pytest_formfunc.units import format_estimate, format_ratio


def render_saved(name: str, records: Collection[Record]) -> Iterator[str]:
    """Render the speedups of one run, the greatest first."""
    yield name
    accelerated = [record for record in records if not record.native]
    for record in sorted(accelerated, key=rank):
        by_default = range_text(record.process_range)
        by_default = "" if by_default == NONE else f"; {by_default} by default"
        yield (
            f"{record.title:52} {native_ms(record):>9} ms {own_ms(record):>9} ms  {speedup_text(record)}{by_default}"
        )
        for limit in record.limits:
            yield f"  {limit.outcome}: {limit.reason}"
    found = [record.ranked_speedup for record in records]
    known = [speedup for speedup in found if speedup and math.isfinite(speedup.high)]  # not what was called only once
    if known:
        yield f"geometric mean {format_estimate(geometric_mean(known))}"


def render_verdicts(verdicts: Mapping[Key, Verdict], missing: Sequence[Key]) -> Iterator[str]:
    """Render every verdict with its sentence, and how many there are of each."""
    statuses = [verdict.status for verdict in verdicts.values()]
    for verdict in verdicts.values():
        yield f"{verdict.status}: {verdict.reason}"
    for case, backend in missing:
        yield f"missing: {case} on {backend}"
    counts = [f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses)]
    yield f"verdicts: {', '.join([*counts, *([f'{len(missing)} missing'] if missing else [])]) or 'none'}"


def render_runs(journals: Iterable[Listed]) -> Iterator[str]:
    """Render a line for each journal: how its run stands, and how much of what it planned is there."""
    yield f"{'journal':32} {'state':14} {'rows':>9} {'contended':>9}  machine       compared with"
    for one in journals:
        if one.journal is None:
            yield f"{one.path.name:32} {one.state:14} {one.problem}"
            continue
        header, rows = one.journal.header, one.journal.rows
        planned = f"/{len(header.planned)}" if header.planned else ""
        contended = sum(row.record.noise.contended for row in rows.values())
        shard = f"; shard {header.shard}" if header.shard else ""
        half = "; its last line is half written" if one.journal.dropped and not one.running else ""
        yield (
            f"{one.path.name:32} {one.state:14} {f'{len(rows)}{planned}':>9} {contended:>9}  "
            f"{header.fingerprint:13} {header.title or '-'}{shard}{half}"
        ).rstrip()


def render_verified(journal: Journal, faults: Collection[object]) -> Iterator[str]:
    """Render what a journal was judged by: what it has, and whether that passes."""
    header = journal.header
    yield f"run {header.run}, {f'compared with {header.title}' if header.title else 'compared with nothing'}"
    yield f"{len(journal.rows)} rows of {len(header.planned)} planned tests, {journal.ended or 'its run did not end'}"
    statuses = [row.record.verdict.status for row in journal.rows.values() if row.record.verdict]
    counts = [f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses)]
    yield f"verdicts: {', '.join(counts) or 'none'}"
    yield f"it does not pass: {len(faults)} fault{'s' * (len(faults) != 1)}" if faults else "it passes"


def render_history(rows: Iterable[HistoryRow]) -> Iterator[str]:
    """Render how each case moved over the runs, and the smallest loss that a comparison with the last would show."""
    yield f"{'case':52} {'runs':>4}  {'first':>7} {'last':>7}  {'sd of steps':>11}  smallest loss seen (1%)"
    for row in rows:
        spread = f"{row.step_sd:.3f}" if row.step_sd is not None else "-"
        others = f"  ({row.machines} machines: the last one's)" if row.machines > 1 else ""
        yield (
            f"{row.title:52} {row.runs:>4}  {format_ratio(row.first):>7} "
            f"{format_ratio(row.last):>7}  {spread:>11}  {row.smallest_loss:.0%}{others}"
        )
