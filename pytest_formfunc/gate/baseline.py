"""Read a saved run: a pytest-benchmark JSON file whose entries carry our records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_formfunc.errors import BadInput
from pytest_formfunc.records import BaselineRecord

Key = tuple[str, str]  # case id, backend


@dataclass(frozen=True)
class Baseline:
    """One saved run.

    Attributes:
        name: the file, as the user knows it.
        records: by case and backend.
        tests: the test that wrote each record, by the same key.
    """

    name: str
    records: Mapping[Key, BaselineRecord]
    tests: Mapping[Key, str]


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
    records: dict[Key, BaselineRecord] = {}
    tests: dict[Key, str] = {}
    for entry in entries:
        info = entry.get("extra_info")
        if not isinstance(info, dict) or "formfunc" not in info:
            continue
        try:
            record = BaselineRecord.from_json(info["formfunc"])
        except BadInput as error:
            raise BadInput(f"baseline {name} {error}; {advice}") from None
        key = (record.case, record.backend)
        records[key] = record
        tests[key] = str(entry["fullname"])
    if not records:
        raise BadInput(f"baseline {name} holds no formfunc measurement; {advice}")
    return Baseline(name, records, tests)


def _needed(entry: dict[str, Any]) -> bool:
    stats = entry.get("stats")
    return not isinstance(entry.get("fullname"), str) or not isinstance(stats, dict) or "mean" not in stats
