"""Read a saved run: a pytest-benchmark JSON file whose entries carry our records."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_formfunc.errors import BadInput
from pytest_formfunc.records import Key, Record

HISTORY_RUNS = 20  # saved runs that are read to learn how speedups move from run to run


@dataclass(frozen=True)
class Baseline:
    """A saved run, and those beside it.

    Attributes:
        name: the file, as the user knows it.
        records: by case and backend.
        tests: the test that wrote each record, by the same key.
        pool: the runs that are compared with together, oldest first, this one last.
        history: all saved runs of the same storage, oldest first: how much speedups move from run to run.
    """

    name: str
    records: Mapping[Key, Record]
    tests: Mapping[Key, str]
    pool: Mapping[Key, tuple[Record, ...]]
    history: Mapping[Key, tuple[Record, ...]]

    def beside(self, pooled: Sequence[Baseline], saved: Sequence[Baseline]) -> Baseline:
        """Return this run with others that were saved before it."""
        return replace(
            self,
            pool={key: _series(key, [*pooled, self]) for key in self.records},
            history={key: _series(key, saved) for key in self.records},
        )


def _series(key: Key, runs: Sequence[Baseline]) -> tuple[Record, ...]:
    return tuple(run.records[key] for run in runs if key in run.records)


def read_baseline(path: Path) -> Baseline:
    """Read a saved run from its file.

    Raises:
        BadInput: the file cannot be read, or is not what `parse_baseline` takes.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"baseline {path} cannot be read: {error}") from None
    return parse_baseline(text, str(path))


def read_with_history(path: Path, pooled: Sequence[Path] = ()) -> Baseline:
    """Read a saved run, the runs that are compared with together with it, and what was saved before it.

    Args:
        path: of the run.
        pooled: runs that are compared with together, oldest first, this one left out.

    Raises:
        BadInput: what `read_baseline` raises. What is no run of ours among the earlier ones is passed over.
    """
    baseline = read_baseline(path)
    history = []
    earlier = [other for other in sorted(path.parent.glob("[0-9][0-9][0-9][0-9]_*.json")) if other.name < path.name]
    for other in earlier[-HISTORY_RUNS:]:
        with contextlib.suppress(BadInput):
            history.append(read_baseline(other))
    return baseline.beside([read_baseline(other) for other in pooled], [*history, baseline])


def parse_baseline(text: str, name: str) -> Baseline:
    """Read a saved run.

    Raises:
        BadInput: the file is corrupt, not pytest-benchmark's, has no formfunc entries, or another schema.
    """
    advice = "remove it or name another run with --benchmark-compare=NUM"
    try:
        document = json.loads(text)
    except ValueError as error:
        raise BadInput(f"baseline {name} is corrupt: not JSON ({error}); {advice}") from None
    entries = document.get("benchmarks") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadInput(f"baseline {name} is not a pytest-benchmark file: it has no list of benchmarks; {advice}")
    if any(_needed(entry) for entry in entries) or not isinstance(document.get("machine_info"), dict):
        raise BadInput(f"baseline {name} is damaged: an entry lacks what pytest-benchmark writes; {advice}")
    records: dict[Key, Record] = {}
    tests: dict[Key, str] = {}
    for entry in entries:
        info = entry.get("extra_info")
        if not isinstance(info, dict) or "formfunc" not in info:
            continue
        try:
            record = Record.from_json(info["formfunc"])
        except BadInput as error:
            raise BadInput(f"baseline {name} {error}; {advice}") from None
        records[record.key] = record
        tests[record.key] = str(entry["fullname"])
    if not records:
        raise BadInput(f"baseline {name} holds no formfunc measurement; {advice}")
    alone = {key: (record,) for key, record in records.items()}
    return Baseline(name, records, tests, alone, alone)


def _needed(entry: dict[str, Any]) -> bool:
    stats = entry.get("stats")
    return not isinstance(entry.get("fullname"), str) or not isinstance(stats, dict) or "mean" not in stats
