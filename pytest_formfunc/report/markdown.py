"""The report in Markdown, as GitHub shows it."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_formfunc.report.tables import ENGINES_TITLE, HEADER, engine_rows, machine_line, notes, table_rows
from pytest_formfunc.results import Results
from pytest_formfunc.text import markdown


def render_markdown(results: Results) -> str:
    """Render a table of speedups, one of forms by engines where there were several, and the machine below."""
    lines = [f"| {' | '.join(HEADER)} |", "|---|---|---:|---:|---|---|---:|---|"]
    lines += [_row(row) for row in table_rows(results)]
    by_engine = engine_rows(results)
    if by_engine:
        header, *rows = by_engine
        lines += ["", ENGINES_TITLE, "", _row(header), f"|---|{'---:|' * (len(header) - 1)}"]
        lines += [_row(row) for row in rows]
    more = [line for note in notes(results) for line in ("", markdown(note))]
    return "\n".join([*lines, *more, "", markdown(machine_line(results)), ""])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(markdown, cells))} |"
