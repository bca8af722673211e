"""What a worker sends to the controller, as texts: what it collected, and what a test has measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pytest_formfunc.journal.lines import Header, Judged, Row, read_header
from pytest_formfunc.records import Key
from pytest_formfunc.results import Comparison, Spent


@dataclass(frozen=True)
class Collected:
    """What a worker knows when its collection has ended.

    Attributes:
        problem: why nothing can be measured, a sentence of wrong usage; empty if nothing speaks against it.
        groups: what each test that measures shares a worker for, by the test's id.
        header: the first line of the worker's journal; None where nothing is measured.
        comparison: what the run is compared with.
        notes: sentences about the run as a whole.
        memory_note: why processes cannot be made to keep their memory.
    """

    problem: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)
    header: Header | None = None
    comparison: Comparison = field(default_factory=Comparison)
    notes: tuple[str, ...] = ()
    memory_note: str = ""

    def to_text(self) -> str:
        """Return it as text."""
        header = None if self.header is None else json.dumps(self.header.to_json())
        return json.dumps({**asdict(self), "header": header})

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Collected:
        """Read it."""
        given = dict(data["comparison"])
        comparison = Comparison(
            **{
                **given,
                "missing": tuple(map(tuple, given["missing"])),
                "asked": tuple((case, backend) for case, backend in given["asked"]),
            }
        )
        header = None if data["header"] is None else read_header(data["header"])
        return cls(data["problem"], data["groups"], header, comparison, tuple(data["notes"]), data["memory_note"])


@dataclass(frozen=True)
class Benchmarked:
    """What pytest-benchmark's row of a test needs.

    Attributes:
        name: the test's name.
        group: its group in the table.
        param: the id of its parameters, or None.
        params: its parameters; what JSON does not have is its text.
        extra_info: what the test added to its row.
    """

    name: str
    group: str
    param: str | None
    params: dict[str, Any] | None
    extra_info: dict[str, Any]


@dataclass
class Measured:
    """What a worker has found when a test ends.

    Attributes:
        own: case and backend of the test's own record; None if it has none.
        test: the test's id, as pytest takes it where the run was started.
        rows: the records of its case so far, its own last.
        failures: why its case was not measured on a backend, by case and backend.
        bench: for pytest-benchmark's table; None where that is not active.
        spent: what the worker has spent so far.
        never_called: whether the test asked for the fixture and did not call it.
        judged: what came of the test, as the journal has it; None where it was not judged.
        notes: sentences about the worker's run so far.
    """

    own: Key | None = None
    test: str = ""
    rows: list[Row] = field(default_factory=list)
    failures: dict[Key, str] = field(default_factory=dict)
    bench: Benchmarked | None = None
    spent: Spent = field(default_factory=Spent)
    never_called: bool = False
    judged: Judged | None = None
    notes: list[str] = field(default_factory=list)

    def to_text(self) -> str:
        """Return it as text."""
        return json.dumps(
            {
                "own": self.own,
                "test": self.test,
                "rows": [row.to_json() for row in self.rows],
                "failures": [[*key, reason] for key, reason in self.failures.items()],
                "bench": None if self.bench is None else asdict(self.bench),
                "spent": asdict(self.spent),
                "never_called": self.never_called,
                "judged": None if self.judged is None else asdict(self.judged),
                "notes": self.notes,
            }
        )

    @classmethod
    def from_text(cls, text: str) -> Measured:
        """Read it."""
        data = json.loads(text)
        spent = data["spent"]
        spent["paces"] = None if spent["paces"] is None else tuple(spent["paces"])
        rows = [Row.from_json(row) for row in data["rows"]]
        return cls(
            None if data["own"] is None else (data["own"][0], data["own"][1]),
            data["test"],
            rows,
            {(case, backend): reason for case, backend, reason in data["failures"]},
            None if data["bench"] is None else Benchmarked(**data["bench"]),
            Spent(**spent),
            data["never_called"],
            None if data["judged"] is None else Judged(**data["judged"]),
            data["notes"],
        )


def plain(value: Any) -> Any:
    """Return a value as JSON has it: itself, or its text if JSON has nothing like it."""
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return str(value)
    return value
