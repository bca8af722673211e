"""The report in Markdown, as GitHub shows it."""

from __future__ import annotations

from pytest_formfunc.report.engines import FASTEST
from pytest_formfunc.report.figures import STOPPED_EARLY
from pytest_formfunc.report.tables import ENGINES_TITLE, HEADER, engine_rows, machine_line, notes, table_rows
from pytest_formfunc.results import Results


def render_markdown(results: Results) -> str:
    """Render a table of speedups, one of forms by engines where there were several, and the machine below."""
    lines = [f"| {' | '.join(HEADER)} |", "|---|---|---:|---:|---|---|---:|---|"]
    lines += [f"| {' | '.join(row)} |".replace(STOPPED_EARLY, f"\\{STOPPED_EARLY}") for row in table_rows(results)]
    by_engine = engine_rows(results)
    if by_engine:
        header, *rows = by_engine
        lines += ["", ENGINES_TITLE, "", f"| {' | '.join(header)} |", f"|---|{'---:|' * (len(header) - 1)}"]
        lines += [f"| {' | '.join(row)} |".replace(FASTEST, f"\\{FASTEST}") for row in rows]
    more = [line for note in notes(results) for line in ("", note.replace("*", "\\*"))]
    return "\n".join([*lines, *more, "", machine_line(results), ""])
