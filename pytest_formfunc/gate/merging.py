"""Judge the parts of a run together: what is there twice or not at all, and which verdicts fail it."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pytest_formfunc.errors import BadInput
from pytest_formfunc.gate.baseline import Baseline
from pytest_formfunc.gate.closing import pooled_faults, row_faults, without_accepted
from pytest_formfunc.gate.completeness import why_all_inconclusive
from pytest_formfunc.gate.decision import FOUND, Locks
from pytest_formfunc.gate.error_budget import Family
from pytest_formfunc.gate.judge import Evidence
from pytest_formfunc.gate.saved import SavedJudge, locks_of_saved
from pytest_formfunc.journal.lines import COMPLETE, Header, Journal, Row
from pytest_formfunc.records import Key

SEVERAL = "several machines"
_MOST_NAMED = 20  # parts that are missing


@dataclass
class Merged:
    """All parts of a run.

    Attributes:
        header: what the whole planned.
        rows: its rows; of a case that several parts have, the first one's.
        failures: why a case was not measured on a backend.
        faults: clauses about what is there twice, or is missing.
    """

    header: Header
    rows: dict[Key, Row] = field(default_factory=dict)
    failures: dict[Key, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def machines(self) -> dict[str, list[Row]]:
        """Return the rows of each machine, by its fingerprint."""
        found: dict[str, list[Row]] = {}
        for row in self.rows.values():
            found.setdefault(row.record.fingerprint, []).append(row)
        return found


def merge(journals: Mapping[str, Journal]) -> Merged:
    """Put the parts of a run together.

    Args:
        journals: the parts, by the names of their files.

    Raises:
        BadInput: one is no part of a run, or belongs to another run.
    """
    journals = _without_workers_files(journals)
    first, seen = next(iter(journals)), dict[str, str]()
    header = journals[first].header
    merged = Merged(replace(header, shard=None, part_of_all=(), planned=header.part_of_all, tests=(), worker=""))
    for name, journal in journals.items():
        shard = _check_part(name, journal.header, first, header)
        if shard in seen:
            merged.faults.append(f"part {shard} is there twice, as {seen[shard]} and {name}")
        seen.setdefault(shard, name)
        if journal.ended != COMPLETE:
            merged.faults.append(f"part {shard} ({name}) did not end: it has {len(journal.rows)} rows")
        twice, mine = [], {group for group, _ in journal.header.planned}
        for key, row in journal.rows.items():
            if row.group not in mine:  # of what this part had before it was continued with other tests
                continue
            if key in merged.rows:
                twice.append(" on ".join(key))
            merged.rows.setdefault(key, row)
        if twice and seen[shard] == name:
            merged.faults.append(f"{_some(twice)} of part {shard} are there already: parts overlap")
        merged.failures |= journal.failures
    merged.failures = {key: reason for key, reason in merged.failures.items() if key not in merged.rows}
    merged.faults += _missing(merged, seen)
    merged.faults += _not_measured([journal.header for journal in journals.values()])
    if len(merged.machines) > 1:
        merged.header = replace(merged.header, fingerprint=SEVERAL)
    return merged


def judge_whole(
    merged: Merged, baseline: Baseline | None, threshold: float | None, locks: Locks = FOUND
) -> dict[Key, Row]:
    """Compare every row with a saved run, and return the rows with their verdicts; without one, they keep theirs.

    A row is compared with one of the same machine. The probability of a false alarm is shared by all rows together.
    What a row was compared with side by side is left out: its verdict is not that any more.
    How much runs differ is learnt from all rows of the row's machine, because all of them are there.
    What the saved run has and no part measures becomes a fault.

    Args:
        merged: all parts.
        baseline: the saved run.
        threshold: the loss of speedup that counts; by default that of each row's test.
        locks: what the threshold means.
    """
    if baseline is None:
        return merged.rows
    lost = [key for key, record in baseline.records.items() if not record.native and key not in merged.rows]
    if lost:
        merged.faults.append(f"{_some([' on '.join(key) for key in lost])} of {baseline.name} are in no part")
    accelerated = [key for key, row in merged.rows.items() if not row.record.native]
    family = Family(sum(key in baseline.records for key in accelerated))
    judge = SavedJudge(baseline, family, escalation_s=0.0, locks=locks_of_saved(locks))
    rows = dict(merged.rows)
    records = tuple(row.record for row in rows.values())
    for key in accelerated:
        row = rows[key]
        judgement = judge.judge(
            Evidence(key, functools.partial(getattr, row, "record"), so_far=lambda: records),
            row.threshold if threshold is None else threshold,
        )
        if judgement is not None:
            rows[key] = replace(row, record=replace(row.record, verdict=judgement.verdict, against=None))
    return rows


def why_red(merged: Merged, rows: Mapping[Key, Row], *, strict: bool) -> list[str]:
    """Return a sentence for everything that fails the whole run; nothing if it passes.

    Args:
        merged: all parts.
        rows: their rows, judged.
        strict: whether what is missing, is there twice or was not judged fails it too.
    """
    faults = without_accepted(merged.header.accept, row_faults(merged.header, rows, {}, strict=strict))
    faults += pooled_faults(merged.header, rows)
    sentences = [fault.sentence for fault in faults]
    if not merged.header.best:  # where the best engine was asked for, the others may fail
        sentences += [f"{' on '.join(key)} was not measured: {reason}" for key, reason in merged.failures.items()]
    if not strict:
        return sentences
    sentences += [f"{fault}, which --strict does not pass" for fault in merged.faults]
    if merged.header.title:
        accelerated = [row.record for row in rows.values() if not row.record.native]
        if not accelerated:
            sentences.append("nothing was compared, which --strict does not pass")
        without = [record.title for record in accelerated if record.verdict is None]
        if without:
            sentences.append(f"{_some(without)} have no verdict, which --strict does not pass")
        statuses = {record.verdict.status for record in accelerated if record.verdict}
        if fault := why_all_inconclusive(statuses):
            sentences.append(f"{fault}, which --strict does not pass")
    return sentences


def _without_workers_files(journals: Mapping[str, Journal]) -> dict[str, Journal]:
    """Leave out files of xdist workers whose run's journal is there, which was read with them."""
    whole = {journal.header.run for journal in journals.values() if not journal.header.worker}
    return {
        name: journal
        for name, journal in journals.items()
        if not (journal.header.worker and journal.header.run in whole)
    }


def _not_measured(headers: Sequence[Header]) -> list[str]:
    """Return a clause for what no test measures, and for tests that were left out."""
    missing = dict.fromkeys(title for header in headers for title in header.missing)
    faults = [f"{title} is missing: it is there in {headers[0].title} and no part measures it" for title in missing]
    deselected = max(header.deselected for header in headers)
    return faults + ([f"{deselected} measuring tests were deselected"] if deselected else [])


def _check_part(name: str, mine: Header, first: str, header: Header) -> str:
    """Return which part a journal is of.

    Raises:
        BadInput: it is none, or of another run than the first one.
    """
    if mine.shard is None or header.shard is None:
        which = name if mine.shard is None else first
        raise BadInput(f"journal {which} is no part of a run: merge those that --formfunc-shard wrote")
    if mine.project != header.project:
        raise BadInput(f"journal {name} is of project {mine.project!r}, and {first} is of {header.project!r}")
    if (mine.shard.plan, mine.shard.of) != (header.shard.plan, header.shard.of):
        raise BadInput(
            f"journals {first} and {name} are parts of different runs: their cases, settings or numbers of parts differ"
        )
    return str(mine.shard)


def _missing(merged: Merged, seen: Mapping[str, str]) -> list[str]:
    """Return a clause for each part that is not there, and one for what parts that are there did not measure."""
    of = int(next(iter(seen)).partition("/")[2])
    absent = (index for index in range(1, of + 1) if f"{index}/{of}" not in seen)
    faults = [f"part {index}/{of} is missing" for index in itertools.islice(absent, _MOST_NAMED)]
    groups = {(row.group, key[1]) for key, row in merged.rows.items()}
    failed = {*merged.failures}
    left = [" on ".join(key) for key in merged.header.planned if key not in groups and key not in failed]
    if left:
        faults.append(f"{len(left)} of {len(merged.header.planned)} tests have no row ({_some(left)})")
    return faults


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
