"""Read a saved run: a pytest-benchmark JSON file whose entries carry formfunc records, or the journal of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pytest_formfunc.errors import BadInput
from pytest_formfunc.journal.folder import read_with_parts
from pytest_formfunc.journal.reading import is_journal
from pytest_formfunc.json_reading import parse_json, read_file, read_object, read_plain
from pytest_formfunc.policy import Planned, describe_policies, read_policies
from pytest_formfunc.records import Key, Record

HISTORY_RUNS = 20  # saved runs to read, at most, to learn how much speedups vary from run to run


@dataclass(frozen=True)
class Baseline:
    """A saved run, with the earlier runs that a comparison with it uses.

    Attributes:
        name: path of the file, as the user gave it.
        records: the records by case and backend.
        tests: the test that wrote each record, by the same key.
        pool: for each key, its records in the runs whose mean is compared with, oldest first, this run last.
        history: for each key, its records in all saved runs that were read, oldest first; they show how much speedups
            vary from run to run.
        planned: its tests, and what failed them, as far as the file says so.
        settings: of its whole run, by the ini file.
    """

    name: str
    records: Mapping[Key, Record]
    tests: Mapping[Key, str]
    pool: Mapping[Key, tuple[Record, ...]]
    history: Mapping[Key, tuple[Record, ...]]
    planned: tuple[Planned, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def beside(self, pooled: Sequence[Baseline], saved: Sequence[Baseline]) -> Baseline:
        """Return this run with its ``pool`` and ``history`` filled from other runs.

        Args:
            pooled: the runs to compare with together with this one, oldest first.
            saved: all saved runs, oldest first, this one included.
        """
        return replace(
            self,
            pool={key: _records_of(key, [*pooled, self]) for key in self.records},
            history={key: _records_of(key, saved) for key in self.records},
        )


def _records_of(key: Key, runs: Sequence[Baseline]) -> tuple[Record, ...]:
    return tuple(run.records[key] for run in runs if key in run.records)


def read_baseline(path: Path) -> Baseline:
    """Read a saved run from its file, or a run from its journal.

    Raises:
        BadInput: the file cannot be read, or `parse_baseline` or the reader of journals refuses its content.
    """
    if is_journal(path):
        return _of_journal(path)
    try:
        text = read_file(path).decode("utf-8")
    except OSError as error:
        raise BadInput(f"baseline {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadInput(f"baseline {path} cannot be read: {error}") from None
    return parse_baseline(text, str(path))


def _of_journal(path: Path) -> Baseline:
    journal = read_with_parts(path)
    if not journal.rows:
        raise BadInput(f"journal {path} holds no measurement: its run ended before the first one did")
    records = {key: row.record for key, row in journal.rows.items()}
    alone = {key: (record,) for key, record in records.items()}
    tests = {key: row.test for key, row in journal.rows.items()}
    try:
        planned = read_policies(describe_policies(journal.header))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"journal {path} is damaged: it does not say what failed its tests ({error})") from None
    return Baseline(str(path), records, tests, alone, alone, planned, journal.header.settings)


def read_with_history(path: Path, pooled: Sequence[Path] = ()) -> Baseline:
    """Read a saved run, the runs to compare with together with it, and the earlier runs in its folder.

    An earlier file that is not a formfunc run is ignored.

    Args:
        path: file of the run.
        pooled: files of the runs to compare with together with it, oldest first, without ``path``.

    Raises:
        BadInput: ``path`` or a file of ``pooled`` is not a saved run that can be read.
    """
    baseline = read_baseline(path)
    history = []
    earlier = [other for other in sorted(path.parent.glob("[0-9][0-9][0-9][0-9]_*.json")) if other.name < path.name]
    for other in earlier[-HISTORY_RUNS:]:
        with contextlib.suppress(BadInput):
            history.append(read_baseline(other))
    return baseline.beside([read_baseline(other) for other in pooled], [*history, baseline])


def parse_baseline(text: str, name: str) -> Baseline:
    """Read a saved run from the text of its file.

    Args:
        text: content of the file.
        name: what messages call the file.

    Raises:
        BadInput: the text is not JSON, pytest-benchmark did not write it, or its formfunc entries are missing, damaged
            or of another schema.
    """
    advice = "remove it or name another run with --benchmark-compare=NUM"
    try:
        document = parse_json(text)
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
    said = document.get("formfunc")
    said = said if isinstance(said, dict) else {}
    try:
        planned = read_policies(said.get("policies", []))
        settings = read_plain(read_object({"settings": said.get("settings", {})}, "settings"))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadInput(
            f"baseline {name} is damaged: it does not say what failed its tests ({error}); {advice}"
        ) from None
    return Baseline(name, records, tests, alone, alone, planned, settings)


def _needed(entry: dict[str, Any]) -> bool:
    stats = entry.get("stats")
    return not isinstance(entry.get("fullname"), str) or not isinstance(stats, dict) or "mean" not in stats
