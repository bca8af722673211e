"""The report for programs: every record in full, as JSON."""

from __future__ import annotations

import json

from pytest_formfunc.results import Results


def render_json(results: Results) -> str:
    """Render a list of records, each as docs/record.md describes it."""
    return json.dumps([record.to_json() for record in results.records.values()], indent=2) + "\n"
