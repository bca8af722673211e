"""The report's table for a spreadsheet: comma-separated values."""

from __future__ import annotations

import csv
import io

from pytest_formfunc.report.tables import HEADER, table_rows
from pytest_formfunc.results import Results
from pytest_formfunc.text import spreadsheet


def render_csv(results: Results) -> str:
    """Render the table's texts."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows([spreadsheet(cell) for cell in row] for row in table_rows(results))
    return out.getvalue()
