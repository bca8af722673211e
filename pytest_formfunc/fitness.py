"""Whether a saved run may become the baseline by itself: a partial, red or contended one may only if it is named."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pytest_formfunc.json_reading import parse_json, read_file
from pytest_formfunc.records import Record

# A run of which fewer rows are contended is compared, row by row.
MOST_CONTENDED = 0.5


def describe_fitness(records: Iterable[Record], *, complete: bool, red: bool = False) -> dict[str, Any]:
    """Return what a saved run says of itself, beside its rows.

    Args:
        records: its records.
        complete: whether every test of it has ended.
        red: whether it was compared with something, and failed by that.
    """
    accelerated = [record for record in records if not record.native and not record.once]
    return {
        "complete": complete,
        "rows": len(accelerated),
        "contended": sum(record.noise.contended for record in accelerated),
        "red": red,
    }


def why_unfit(path: Path) -> str | None:
    """Return a clause that says why a saved run is no baseline unless it is named, or None if it may be one.

    A file that cannot be read, or says nothing of itself, may be one: what reads it later says what is wrong.
    """
    try:
        said = parse_json(read_file(path))["formfunc"]
        complete, rows, contended = bool(said["complete"]), int(said["rows"]), int(said["contended"])
        red = bool(said.get("red"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    if not complete:
        return "ended before all of its tests did"
    if red:
        return "was red by its own comparison (to accept what it lost, save a run that is compared with nothing)"
    if rows and contended >= MOST_CONTENDED * rows:
        return f"claims no speedup for {contended} of {rows} rows (contended)"
    return None
