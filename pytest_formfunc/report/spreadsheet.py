"""The report's table for a spreadsheet: comma-separated values."""

from __future__ import annotations

import csv
import io

from pytest_formfunc.report.tables import HEADER, table_rows
from pytest_formfunc.results import Results


def render_csv(results: Results) -> str:
    """Render the table's texts."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(table_rows(results))
    return out.getvalue()
