"""What a report shows of a run that has left its journal: records, and what was not measured or is missing."""

from __future__ import annotations

from pytest_formfunc.gate.pooled import pooled_losses
from pytest_formfunc.journal.lines import Journal
from pytest_formfunc.results import Comparison, Results


def results_of(journal: Journal) -> Results:
    """Return the results of a run by its journal, failures, what is missing and what cases lost together among them."""
    header = journal.header
    return Results(
        records={key: row.record for key, row in journal.rows.items()},
        failures=dict(journal.failures),
        tests={key: row.test for key, row in journal.rows.items()},
        comparison=Comparison(
            title=header.title,
            missing=tuple((title,) for title in header.missing),
            deselected=header.deselected,
        ),
        best=header.best,
        pooled=pooled_losses(header, journal.rows),
    )
