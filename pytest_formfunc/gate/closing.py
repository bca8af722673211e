"""The closing check: everything that fails a run, by its journal alone, whatever its tests said.

A test can be told not to fail (``xfail``, ``contextlib.suppress``), or not to run; a verdict cannot. What this finds is
compared with the tests that did fail; ``pytest-formfunc verify`` makes the same check in a process of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pytest_formfunc.gate.completeness import ALL_JUDGED, missing_test, why_all_inconclusive
from pytest_formfunc.gate.pooled import pooled_losses, pooled_test
from pytest_formfunc.gate.rules import Rules, why_failed
from pytest_formfunc.journal.lines import COMPLETE, Header, Judged, Row
from pytest_formfunc.policy import Accepted
from pytest_formfunc.records import Key


@dataclass(frozen=True)
class Fault:
    """One thing that fails a run.

    Attributes:
        name: what it is about, short.
        sentence: what is wrong.
        tests: ids of tests, or names of those that a strict run adds; one of them has to fail.
        cases: names of case and backend, beside its own, by which it may be accepted.
        may_be_accepted: whether the command line can accept it by name: not a loss.
    """

    name: str
    sentence: str
    tests: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    may_be_accepted: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names by which it may be accepted, with dashes as tests have them too."""
        names = (self.name, *self.cases, *self.tests)
        return (*names, *(name.replace(" on ", "-") for name in names))


class Run(Protocol):
    """What a journal says of a run, on disk (`Journal`) or while the run goes on (`RunJournal`)."""

    @property
    def rows(self) -> Mapping[Key, Row]:
        """Return the row of each case and backend."""

    @property
    def failures(self) -> Mapping[Key, str]:
        """Return why a case was not measured on a backend."""

    @property
    def judged(self) -> Mapping[str, Judged]:
        """Return what came of each test, by its id."""


def faults_of(header: Header, run: Run, *, ended: str, strict: bool) -> list[Fault]:
    """Return everything that fails a run.

    What its tests do not measure any more, such as rows of a run that it continues with other tests, does not count.

    Args:
        header: what the run planned.
        run: what its journal says.
        ended: how it ended.
        strict: whether what was not measured or not judged fails it too.
    """
    tests: dict[Key, tuple[str, ...]] = {}
    for key, test in zip(header.planned, header.tests, strict=False):
        tests[key] = (*tests.get(key, ()), test)
    groups = {group for group, _ in header.planned}
    rows = {key: row for key, row in run.rows.items() if not groups or row.group in groups}
    faults = [
        Fault(f"{one.case} on {one.backend}", one.reason, (one.test,), may_be_accepted=False)
        for one in run.judged.values()
        if one.reason and (one.test in header.tests or not header.tests)
    ]
    known, said = {test for test in run.judged if test in header.tests}, {one.sentence for one in faults}
    faults += [
        one
        for one in row_faults(header, rows, tests, strict=strict)
        if not (one.tests and {*one.tests} <= known) and one.sentence not in said
    ]
    faults += pooled_faults(header, rows)
    failures = {key: reason for key, reason in run.failures.items() if key not in rows and (key in tests or not tests)}
    # A project may know of a case that cannot be measured; where the best engine was asked for, the others may fail.
    if not header.best and header.title:
        for key, reason in failures.items():
            title = " on ".join(key)
            faults.append(Fault(title, f"{title} was not measured: {reason}", tests.get(key, ())))
    if not strict:
        return without_accepted(header.accept, faults)
    if header.title:
        faults += _not_compared(header, rows, failures, run.judged)
    if ended != COMPLETE:
        sentence = "the run did not end: tests were left, or it was interrupted"
        faults.append(Fault("unfinished", sentence, may_be_accepted=False))
    return without_accepted(header.accept, faults)


def without_accepted(names: Sequence[str], faults: Sequence[Fault]) -> list[Fault]:
    """Return the faults but those of what the command line accepts by name."""
    accepted = Accepted(names)
    return [one for one in faults if not (one.may_be_accepted and any(name in accepted for name in one.names))]


def _not_compared(
    header: Header, rows: Mapping[Key, Row], failures: Mapping[Key, str], judged: Mapping[str, Judged]
) -> list[Fault]:
    """Return what was to be compared and was not."""
    faults = []
    measured = {(row.group, key[1]) for key, row in rows.items()} | {*rows, *failures}
    tests: dict[Key, tuple[str, ...]] = {}
    for index, key in enumerate(header.planned):
        test = header.tests[index] if index < len(header.tests) else ""  # a merged run names no tests
        tests[key] = (*tests.get(key, ()), *([test] if test else []))
        title = " on ".join(key)
        if key not in measured:
            sentence = f"{title} has no row: its test was skipped, left out, or did not end"
            faults.append(Fault(title, sentence, (ALL_JUDGED, *([test] if test else []))))
        elif test and test not in judged and key not in failures:
            sentence = f"{test} has judged nothing: it was skipped, left out, or did not end"
            faults.append(Fault(test, sentence, (test,), cases=(title,)))
    for title in header.missing:
        case, on, backend = title.rpartition(" on ")
        sentence = f"{title} is missing: it is there in {header.title}, and no test measures it"
        faults.append(Fault(title, sentence, (missing_test(f"{case}-{backend}" if on else title),)))
    if header.deselected:
        faults.append(Fault("deselected", f"{header.deselected} tests that measure were deselected", (ALL_JUDGED,)))
    return faults + _unjudged(header, rows, tests)


def pooled_faults(header: Header, rows: Mapping[Key, Row]) -> list[Fault]:
    """Return what several cases lost together, where that fails the run.

    Args:
        header: what the run planned.
        rows: its rows.
    """
    losses = (one for one in pooled_losses(header, rows) if one.fails)
    return [Fault(one.name, one.sentence, (pooled_test(one.name),), may_be_accepted=False) for one in losses]


def row_faults(
    header: Header, rows: Mapping[Key, Row], tests: Mapping[Key, Sequence[str]], *, strict: bool
) -> list[Fault]:
    """Return the verdicts and limits that fail a run.

    Args:
        header: what the run planned.
        rows: its rows.
        tests: ids of the tests of each case and backend.
        strict: whether what could not be compared or timed fails it too.
    """
    faults = []
    for key, row in rows.items():
        record = row.record
        rules = Rules(fail_on=row.fail_on or header.fail_on, strict=strict and not record.native)
        reason = why_failed(record, record.verdict, record.limits, rules, timed=not record.once)
        if reason:
            own = tests.get((row.group, key[1])) or tests.get(key) or ()
            not_compared = record.verdict is not None and record.verdict.status in ("new", "not comparable")
            faults.append(Fault(record.title, reason, tuple(own), may_be_accepted=not_compared))
    return faults


def _unjudged(header: Header, rows: Mapping[Key, Row], tests: Mapping[Key, tuple[str, ...]]) -> list[Fault]:
    faults = []
    accelerated = {key: row for key, row in rows.items() if not row.record.native}
    for key, row in accelerated.items():
        if row.record.verdict is None:
            title = row.record.title
            own = tests.get((row.group, key[1]), ())
            faults.append(Fault(title, f"{title} has no verdict against {header.title}", (ALL_JUDGED, *own)))
    statuses = {row.record.verdict.status for row in accelerated.values() if row.record.verdict}
    if fault := why_all_inconclusive(statuses):
        faults.append(Fault("verdicts", fault, (ALL_JUDGED,), may_be_accepted=False))
    return faults
