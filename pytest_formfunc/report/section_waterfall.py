"""The page's section on how speedups are made: a row for each case, a column for each factor."""

from __future__ import annotations

import math

from pytest_formfunc.report.markup import table
from pytest_formfunc.results import Results
from pytest_formfunc.units import format_estimate, format_ratio


def waterfall(results: Results) -> str:
    """Render the table; nothing where no factors were measured."""
    records = [record for record in results.records.values() if record.waterfall]
    if not records:
        return ""
    names = [*dict.fromkeys(factor.name for record in records for factor in record.waterfall)]
    rows = []
    for record in records:
        factors = {one.name: format_estimate(one.ratio) for one in record.waterfall}
        product = math.prod(one.ratio.value for one in record.waterfall)
        rows.append([record.case, record.backend, format_ratio(product), *(factors.get(name, "") for name in names)])
    return f"<h2>How speedups are made</h2>\n{table([['case', 'engine', 'product', *names]], rows, 'waterfall')}"
