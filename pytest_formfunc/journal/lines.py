"""The lines of a journal: one JSON object each, of five kinds.

The first line says which run this is and what it will measure. A line with a record follows for each case and backend,
and a second one for the same if a verdict was added later: the last one counts. Then a line says what came of the test.
A line says how a run ended, and one that it was continued.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from pytest_formfunc.errors import BadInput
from pytest_formfunc.json_reading import (
    parse_json,
    read_duration,
    read_flag,
    read_list,
    read_number,
    read_object,
    read_plain,
    read_text,
    read_whole,
)
from pytest_formfunc.records import Key, Record
from pytest_formfunc.stats.balance import MOST_PARTS

JOURNAL = 1  # counts breaking changes of the lines
COMPLETE = "complete"
INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Shard:
    """Which part of a run's cases a journal has.

    Attributes:
        index: number of the part, from 1.
        of: number of parts.
        plan: digest of everything that all parts together measure, and of how.
    """

    index: int
    of: int
    plan: str

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"


@dataclass(frozen=True)
class Header:
    """Which run a journal is of.

    Attributes:
        run: its name, which begins with date and time.
        started: when it began, as ISO 8601 has it.
        project: name of the project.
        fingerprint: of the machine.
        title: what the run is compared with, in sentences; empty if with nothing.
        planned: case and backend of every test that measures, as far as cases are known before a test runs.
        tests: the test of each of these, by the same order.
        fail_on: kinds of verdict that fail a test of it.
        missing: what the run is compared with has and no test of any part measures, in sentences.
        deselected: number of tests that measure and that the user left out.
        best: whether the fastest engine was asked for, so that an engine may fail.
        shard: which part of a run it is, or None if it is the whole.
        part_of_all: case and backend of every test of all parts; empty if it is the whole.
        rules: what fails each of these by its marker and the ini file, without the command line, by the same order.
        settings: of the whole run, by the ini file.
        strict: whether the run fails where something was not compared.
        accept: names of what the command line accepts to be gone, new, or not measured.
        worker: the pytest-xdist worker that wrote it; empty if none did.
    """

    run: str
    started: str
    project: str
    fingerprint: str
    title: str = ""
    planned: tuple[Key, ...] = ()
    tests: tuple[str, ...] = ()
    fail_on: tuple[str, ...] = ("loss",)
    missing: tuple[str, ...] = ()
    deselected: int = 0
    best: bool = False
    shard: Shard | None = None
    part_of_all: tuple[Key, ...] = ()
    rules: tuple[dict[str, Any], ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    strict: bool = False
    accept: tuple[str, ...] = ()
    worker: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the object of the first line."""
        return {"journal": JOURNAL, **asdict(self)}

    def to_continue(self) -> dict[str, Any]:
        """Return the object of the line with which this run continues the journal of another."""
        return {"continued": self.started, "header": self.to_json()}


@dataclass(frozen=True)
class Row:
    """One record of a journal.

    Attributes:
        record: the record.
        identity: digest of what the record depends on: the artifacts' content, versions, and settings.
        test: the test that asked for it; empty if it is not known yet.
        group: what its tests measure together: the case's id, or for a model of a test's own the start of its id.
        preparing_s: seconds that its case took to prepare.
        measuring_s: seconds that its case took to measure, on all backends together.
        fail_on: kinds of verdict that fail its test.
        threshold: the loss of speedup that counts for its test, as a fraction.
    """

    record: Record
    identity: str
    test: str = ""
    group: str = ""
    preparing_s: float = 0.0
    measuring_s: float = 0.0
    fail_on: tuple[str, ...] = ()
    threshold: float = 0.1

    def to_json(self) -> dict[str, Any]:
        """Return the object of its line."""
        others = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "record"}
        return {"record": self.record.to_json(), **others}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Row:
        """Read the object of its line.

        Raises:
            BadInput: the record has another schema.
            KeyError, TypeError, ValueError, OverflowError: it is not such an object.
        """
        return cls(
            record=Record.from_json(entry["record"]),
            identity=read_text(entry, "identity"),
            test=read_text(entry, "test"),
            group=read_text(entry, "group"),
            preparing_s=read_duration(entry, "preparing_s"),
            measuring_s=read_duration(entry, "measuring_s"),
            fail_on=_texts(entry, "fail_on"),
            threshold=read_number(entry, "threshold"),
        )


@dataclass(frozen=True)
class Failure:
    """Why a case was not measured on a backend."""

    case: str
    backend: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the object of its line."""
        return {"failure": asdict(self)}


@dataclass(frozen=True)
class Judged:
    """What came of one test: the sentence that it has to fail with, or nothing where it passes."""

    test: str
    case: str
    backend: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the object of its line."""
        return {"judged": asdict(self)}


@dataclass
class Journal:
    """The content of a journal.

    Attributes:
        header: its first line.
        rows: the last row of each case and backend.
        failures: why a case was not measured on a backend, by both; nothing that was measured later.
        judged: what came of each test, by its id.
        ended: how the run ended: ``complete``, ``interrupted``, or nothing where it stopped without saying so.
        continued: how often it was continued.
        dropped: whether the last line was only half written, and was left out.
        spent: what the run says that it spent, as it wrote it at its end.
        doubtful: what the runs that it continues had measured, and this one has not taken over yet.
        times: when the last row or failure of each case and backend was written, as ``time.time``
            has it, unless a clock was set back.
    """

    header: Header
    rows: dict[Key, Row] = field(default_factory=dict)
    failures: dict[Key, str] = field(default_factory=dict)
    judged: dict[str, Judged] = field(default_factory=dict)
    ended: str = ""
    continued: int = 0
    dropped: bool = False
    spent: dict[str, Any] = field(default_factory=dict)
    doubtful: set[Key] = field(default_factory=set)
    times: dict[Key, float] = field(default_factory=dict)

    def confirmed(self) -> Journal:
        """Return the journal without what only the runs that it continues have measured."""
        return replace(
            self,
            rows={key: row for key, row in self.rows.items() if key not in self.doubtful},
            failures={key: reason for key, reason in self.failures.items() if key not in self.doubtful},
        )

    @property
    def last_time(self) -> float:
        """Return when the last row or failure was written; 0 if there is none."""
        return max(self.times.values(), default=0.0)

    def add(self, entry: Mapping[str, Any]) -> None:
        """Add the object of a line.

        Raises:
            BadInput: a record has another schema.
            KeyError, TypeError, ValueError, OverflowError: it is not the object of a line.
        """
        if not isinstance(entry, dict):
            raise TypeError("it is not an object")
        if "record" in entry:
            row = Row.from_json(entry)
            self.rows[row.record.key] = row
            self.failures.pop(row.record.key, None)
            self.doubtful.discard(row.record.key)
            self.times[row.record.key] = read_number(entry, "at")
        elif "failure" in entry:
            failed = Failure(*(read_text(entry["failure"], name) for name in ("case", "backend", "reason")))
            self.failures[failed.case, failed.backend] = failed.reason
            self.rows.pop((failed.case, failed.backend), None)
            self.doubtful.discard((failed.case, failed.backend))
            self.times[failed.case, failed.backend] = read_number(entry, "at")
        elif "judged" in entry:
            one = Judged(*(read_text(entry["judged"], name) for name in ("test", "case", "backend", "reason")))
            self.judged[one.test] = one
        elif "taken" in entry:
            self.doubtful -= {*_keys(entry["taken"])}
        elif "ended" in entry:
            self.ended = read_text(entry, "ended")
            self.spent = read_plain(read_object(entry, "spent")) if entry.get("spent") else {}
        elif "continued" in entry:
            self.ended, self.continued = "", self.continued + 1
            self.doubtful, self.judged = {*self.rows, *self.failures}, {}
            self.header = _read_header(entry["header"])
        else:
            raise ValueError("it is of no kind that this version knows")


def read_header(line: str) -> Header:
    """Read the first line.

    Raises:
        BadInput: it is not one, or of another version; the message is a clause that follows the file's name.
    """
    try:
        entry = parse_json(line)
        number = entry["journal"]
    except (ValueError, KeyError, TypeError):
        raise BadInput("is not a journal: its first line does not say so") from None
    if number != JOURNAL:
        raise BadInput(
            f"is a journal of schema {reprlib.repr(number)}, and this version reads {JOURNAL}: measure again"
        )
    try:
        return _read_header(entry)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"is a journal whose first line is damaged ({type(error).__name__}: {error})") from None


def _read_header(entry: Mapping[str, Any]) -> Header:
    return Header(
        run=read_text(entry, "run"),
        started=read_text(entry, "started"),
        project=read_text(entry, "project"),
        fingerprint=read_text(entry, "fingerprint"),
        title=read_text(entry, "title"),
        planned=_keys(entry["planned"]),
        tests=_texts(entry, "tests"),
        fail_on=_texts(entry, "fail_on"),
        missing=_texts(entry, "missing"),
        deselected=read_whole(entry, "deselected"),
        best=read_flag(entry, "best"),
        shard=None if entry["shard"] is None else _read_shard(entry["shard"]),
        part_of_all=_keys(entry["part_of_all"]),
        rules=tuple(read_object({"rules": one}, "rules") for one in read_list(entry, "rules", ())),
        settings=read_plain(read_object(entry, "settings")) if "settings" in entry else {},
        strict=read_flag(entry, "strict") if "strict" in entry else False,
        accept=_texts(entry, "accept") if "accept" in entry else (),
        worker=read_text(entry, "worker"),
    )


def _read_shard(entry: Any) -> Shard:
    shard = Shard(read_whole(entry, "index"), read_whole(entry, "of"), read_text(entry, "plan"))
    if not 1 <= shard.index <= shard.of <= MOST_PARTS:
        raise ValueError(f"shard {shard} is no part of a whole")
    return shard


def _keys(pairs: Any) -> tuple[Key, ...]:
    if not isinstance(pairs, list):
        raise TypeError("what is planned is not a list")
    return tuple((_text(case, "case"), _text(backend, "backend")) for case, backend in pairs)


def _texts(entry: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(_text(one, name) for one in read_list(entry, name))


def _text(value: Any, name: str) -> str:
    return read_text({name: value}, name)
