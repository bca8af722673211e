"""The figures of each accelerated row as plain values, which every chart of a report is drawn from."""

from __future__ import annotations

import math
from typing import Any

from pytest_formfunc.records import Record
from pytest_formfunc.report.figures import CONTENDED, rank
from pytest_formfunc.report.scaling import seen
from pytest_formfunc.results import Results
from pytest_formfunc.text import printable

Point = dict[str, Any]


def points(results: Results) -> list[Point]:
    """Return one object for each accelerated record, in the order of the table of speedups.

    ``speedup``, ``low`` and ``high`` are None where no speedup is claimed, as are latencies in milliseconds; what only
    some records have (``depth``, ``intensity``, ``efficacy``, ``change``) is None elsewhere. ``row`` is the number of
    its row in that table.
    """
    natives = {record.case: record for record in results.records.values() if record.native}
    accelerated = sorted((record for record in results.records.values() if not record.native), key=rank)
    return [_point(number, record, natives.get(record.case)) for number, record in enumerate(accelerated)]


def _point(number: int, record: Record, native: Record | None) -> Point:
    is_pattern = record.form.get("kind") == "pattern"
    speedup = record.ranked_speedup
    change = record.verdict.change if record.verdict else None
    pattern = str(record.form.get("name", record.case)) if is_pattern else group_of(record)
    return {
        "row": number,
        "link": f"#row-{number}",
        "case": printable(record.case),
        "backend": printable(record.backend),
        "group": printable(pattern),
        "depth": _number(record.form.get("depth")) if is_pattern else None,
        "width": _number(record.form.get("width")) if is_pattern else None,
        "verdict": record.verdict.status if record.verdict else "",
        "disturbed": CONTENDED if record.noise.contended else "",
        "speedup": _finite(speedup.value) if speedup else None,
        "low": _finite(speedup.low) if speedup else None,
        "high": _finite(speedup.high) if speedup else None,
        "native_ms": _ms(record.native_typical_s),
        "ms": _ms(record.typical_s.value if speedup and record.typical_s else None),
        "gmac": _finite(record.cost.get("macs", 0) / 1e9),
        "change": _finite(change.value) if change else None,
        "change_low": _finite(change.low) if change else None,
        "change_high": _finite(change.high) if change else None,
        "intensity": _seen(record, "roof", "intensity"),
        "flops": _seen(record, "roof", "achieved_flops"),
        "peak": _seen(record, "roof", "peak_flops"),
        "bandwidth": _seen(record, "roof", "bandwidth"),
        "bandwidth_inside": _seen(record, "roof", "bandwidth_inside"),
        "share_of_roof": _seen(record, "roof", "share_of_roof"),
        "efficacy": _seen(native, "reuse", "efficacy"),
        "own_efficacy": _seen(record, "reuse", "efficacy"),
        "waited": _finite(100 * record.noise.run_delay_fraction),
        "stolen": _finite(100 * record.noise.steal_fraction),
        "discarded": record.noise.discarded_rounds,
    }


def _seen(record: Record | None, instrument: str, name: str) -> float | None:
    found = None if record is None else seen(record, instrument, name)
    return None if found is None else _finite(found)


def group_of(record: Record) -> str:
    """Return what a case that is no pattern is filtered by: its kind."""
    return {"architecture": "architectures", "model": "own models"}.get(str(record.form.get("kind")), "own models")


def _number(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _finite(value: float) -> float | None:
    """Return a number with the digits that anybody can see; a page of thousands of rows would be twice as large."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else _finite(1e3 * seconds)
