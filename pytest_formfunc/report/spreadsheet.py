"""The report's table for a spreadsheet: comma-separated values, a number or a word in each cell."""

from __future__ import annotations

import csv
import io
from typing import Any

from pytest_formfunc.records import Record
from pytest_formfunc.report.figures import rank
from pytest_formfunc.report.points import points
from pytest_formfunc.results import Results
from pytest_formfunc.text import spreadsheet

# Names of the columns and where each is in a point; times are milliseconds, intervals are of 95%.
COLUMNS = {
    "case": "case", "backend": "backend", "pattern": "group", "depth": "depth", "width": "width",
    "native_ms": "native_ms", "accelerated_ms": "ms", "speedup": "speedup", "speedup_low": "low",
    "speedup_high": "high", "gmac": "gmac", "verdict": "verdict", "change": "change", "change_low": "change_low",
    "change_high": "change_high", "contended": "disturbed",
}  # fmt: skip
_OF_PROCESSES = ("default_low", "default_high", "why")


def render_csv(results: Results) -> str:
    """Render a row for each accelerated record; a cell is empty where nothing is claimed."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*COLUMNS, *_OF_PROCESSES])
    records = sorted((record for record in results.records.values() if not record.native), key=rank)
    for point, record in zip(points(results), records, strict=True):
        writer.writerow([*(_cell(point[name]) for name in COLUMNS.values()), *_more(record)])
    return out.getvalue()


def _more(record: Record) -> list[str]:
    found = record.process_range
    ends = [_cell(found.low), _cell(found.high)] if found is not None and found.servers > 1 else ["", ""]
    return [*ends, spreadsheet(record.noise.cause or (record.verdict.reason if record.verdict else ""))]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else spreadsheet(str(value))
