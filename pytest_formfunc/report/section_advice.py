"""The page's section on advice: what was built and timed and is faster, and a count of what is not."""

from __future__ import annotations

import contextlib

from pytest_formfunc.report.advice import advice_words
from pytest_formfunc.report.markup import table
from pytest_formfunc.results import Results


def advice(results: Results) -> str:
    """Render a table of sentences; nothing where nothing was tried."""
    rows = []
    for record in results.records.values():
        if found := record.observations.get("advice"):
            with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):  # from a damaged file
                rows += [[record.case, record.backend, one] for one in advice_words(found)]
    return f"<h2>What would make it faster</h2>\n{table([['case', 'on', 'advice']], rows, 'advice')}" if rows else ""
