"""What a run notes in its journal, and what it takes over from the journal of a run that did not end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pytest_formfunc import cards
from pytest_formfunc.backends import NATIVE, backend_entry
from pytest_formfunc.journal.lines import Failure, Header, Journal, Judged, Row
from pytest_formfunc.journal.writing import JournalWriter
from pytest_formfunc.measure.launch import PreparedSide
from pytest_formfunc.records import Key, Record
from pytest_formfunc.results import Absent, Spent
from pytest_formfunc.settings import Settings

# What a figure depends on, beside the artifacts: a row that was measured with another value is measured again.
_SETTINGS = (
    "native", "threads", "precision", "budget_s", "servers", "gate", "slow_down", "seed", "threshold", "escalation_s",
    "threshold_means",    "why", "callgrind", "advise", "trained",
)  # fmt: skip


@dataclass
class RunJournal:
    """The journal of one run.

    Attributes:
        header: the first line of the file.
        writer: appends to the file; None where there is none.
        earlier: the rows of the run that is continued.
        basis: what all figures of this run depend on, as `basis_of` returns it.
        tests: the test of each planned case and backend.
        fail_on: kinds of verdict that fail each of these tests.
        limits: the loss of speedup that counts for each of these tests, whether or not something is compared.
        thresholds: the loss of speedup that counts, for each of these; empty where nothing is compared.
        beside: returns the journals that other workers of this run have written so far.
        rows: what this run has noted or taken over.
        taken: case and backend of everything that was taken over.
        failures: why a case was not measured on a backend.
        judged: what came of each test, by its id.
    """

    header: Header | None = None
    writer: JournalWriter | None = None
    earlier: Mapping[Key, Row] = field(default_factory=dict)
    basis: Mapping[str, Any] = field(default_factory=dict)
    tests: Mapping[Key, str] = field(default_factory=dict)
    fail_on: Mapping[Key, tuple[str, ...]] = field(default_factory=dict)
    limits: Mapping[Key, float] = field(default_factory=dict)
    thresholds: Mapping[Key, float] = field(default_factory=dict)
    beside: Callable[[], Iterable[Journal]] = tuple
    rows: dict[Key, Row] = field(default_factory=dict)
    taken: list[Key] = field(default_factory=list)
    failures: dict[Key, str] = field(default_factory=dict)
    judged: dict[str, Judged] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Return whether the file can be written at the moment."""
        return self.writer is not None and self.writer.is_open

    @property
    def problem(self) -> str:
        """Return why nothing more is written, or an empty string."""
        return "" if self.writer is None else self.writer.problem

    def identity(self, here: PreparedSide, there: PreparedSide | Absent | None) -> str:
        """Return a digest of what the figures of a case depend on: artifacts, versions, settings, and what is compared.

        The name of a folder of artifacts is a digest of the network, its weights and all versions.
        """
        sides = [Path(side.prepared.folder).name if isinstance(side, PreparedSide) else None for side in (here, there)]
        text = json.dumps([sides, self.basis], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    def take(
        self, case: str, group: str, backends: Sequence[str], identity: str, *, once: bool = False
    ) -> dict[Key, Record] | None:
        """Return the records of a case from the run that is continued, or None unless all of them are there and match.

        Where a comparison was asked for, they have to be judged as well, by the same threshold. Rows of single calls
        are no figures for a run that times (``once`` is False), nor the other way round.
        """
        rows = self._rows()
        found: dict[Key, Row] = {}
        for backend in backends:
            row = rows.get((case, backend))
            if row is None or row.identity != identity or row.record.once != once:
                return None
            if not self._is_judged(row.record, group):
                return None
            key = group, backend
            fail_on, threshold = self.fail_on.get(key, row.fail_on), self.limits.get(key, row.threshold)
            found[row.record.key] = replace(row, fail_on=fail_on, threshold=threshold)
            if found[row.record.key] != row and self.writer is not None:
                self.writer.add(found[row.record.key])
        if self.writer is not None:
            self.writer.take(found)
        self.taken += found
        self.rows |= found
        return {key: row.record for key, row in found.items()}

    def has_all(self, case: str, backends: Sequence[str]) -> bool:
        """Return whether the run that is continued has a row of each, whether or not it matches."""
        rows = self._rows()
        return all((case, backend) in rows for backend in backends)

    def note(
        self,
        records: Iterable[Record],
        group: str,
        identity: str,
        seconds: tuple[float, float],
        tests: Mapping[Key, str],
    ) -> None:
        """Append records.

        Args:
            records: of one case.
            group: the group of its tests.
            identity: as `identity` returns it.
            seconds: time that the case has taken to prepare, and to measure.
            tests: the tests that were run so far, by case and backend.
        """
        preparing_s, measuring_s = (round(one, 3) for one in seconds)
        for record in records:
            key = group, record.backend
            test = tests.get(record.key) or self.tests.get(key, "")
            fail_on, threshold = self.fail_on.get(key, ()), self.limits.get(key, 0.1)
            row = Row(record, identity, test, group, preparing_s, measuring_s, fail_on, threshold)
            self.rows[record.key] = row
            if self.writer is not None:
                self.writer.add(row)

    def has_once(self, group: str, backends: Collection[str]) -> bool:
        """Return whether each test of a group is planned once, for these backends; then no other one comes."""
        planned = [backend for of_it, backend in (self.header.planned if self.header else ()) if of_it == group]
        return len(planned) == len({*planned}) > 0 and {*planned} <= {*backends}

    def update(self, record: Record) -> None:
        """Append a record that was taken over and that this run has changed, such as by a limit of its test."""
        row = self.rows.get(record.key)
        if row is not None and row.record.to_json() != record.to_json():
            self.rows[record.key] = changed = replace(row, record=record)
            if self.writer is not None:
                self.writer.add(changed)

    def add(self, row: Row) -> None:
        """Append a row that a worker has noted, unless it was taken over: the file of the earlier run has it."""
        key = row.record.key
        self.rows[key] = row
        if key in self.earlier and self.earlier[key].to_json() == row.to_json():
            self.taken += [] if key in self.taken else [key]
            if self.writer is not None:
                self.writer.take([key])
        elif self.writer is not None:
            self.writer.add(row)

    def closing_notes(self, rows: int) -> list[str]:
        """Return sentences for the report of a run with so many rows: what was taken over, and what is not written."""
        notes = [f"journal: {len(self.taken)} of {rows} rows are taken over from it"] if self.taken else []
        return notes + ([f"{self.problem}; what was measured later is not in it"] if self.problem else [])

    def fail(self, case: str, backend: str, reason: str) -> None:
        """Append why a case was not measured on a backend."""
        self.failures[case, backend] = reason
        self.rows.pop((case, backend), None)
        if self.writer is not None:
            self.writer.fail(Failure(case, backend, reason))

    def judge(self, judged: Judged) -> None:
        """Append what came of a test."""
        self.judged[judged.test] = judged
        if self.writer is not None:
            self.writer.judge(judged)

    def end(self, how: str, spent: Spent) -> None:
        """Append how the run ended, and close the file; it may be called repeatedly."""
        if self.writer is not None and self.is_open:
            self.writer.end(how, spent=asdict(spent))
            self.writer.close()

    def _rows(self) -> dict[Key, Row]:
        rows = dict(self.earlier)
        for journal in self.beside():
            rows |= journal.rows
        return rows

    def _is_judged(self, record: Record, group: str) -> bool:
        if not self.thresholds or record.backend == NATIVE:
            return True
        return record.verdict is not None and record.verdict.threshold == self.thresholds.get((group, record.backend))


def basis_of(
    settings: Settings,
    compared_with: str,
    backends: Collection[str] = (),
    devices: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> dict[str, Any]:
    """Return what the figures of a run depend on beside the artifacts.

    Args:
        settings: the settings of the run.
        compared_with: names the content of what it is compared with; empty where nothing is compared.
        backends: the backends of its tests; where one computes on a card, what card that is.
        devices: what backends tell of their devices beside the processor, if a device was named.
    """
    basis = {**{name: getattr(settings, name) for name in _SETTINGS}, "compared_with": compared_with}
    if devices:
        basis["devices"] = {name: list(facts) for name, facts in devices.items()}
    on_card = any(backend_entry(name).gpu for name in {settings.native, *settings.backends, *backends} - {NATIVE})
    return {**basis, "card": cards.identity()} if on_card else basis
