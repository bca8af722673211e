"""The report in Markdown, as GitHub shows it: the answer, what needs a look, and the rest folded.

GitHub takes 65,536 characters in a comment and 1 MiB in a job's summary; rows that do not fit are counted.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_formfunc.report.section_answer import sentences_of
from pytest_formfunc.report.tables import ENGINES_TITLE, HEADER, engine_rows, machine_line, notes, table_rows
from pytest_formfunc.results import Results
from pytest_formfunc.text import markdown

COMMENT, SUMMARY = 65_536, 2**20  # bytes; GitHub counts a comment's characters, which are no more
_SHOWN = 20  # rows above the fold
_SPARE = 400  # bytes for what is said of rows that do not fit
_ORDER = ("regressed", "inconclusive", "not comparable", "improved", "new", "unchanged")


def render_markdown(results: Results) -> str:
    """Render the report within what a job's summary takes."""
    return render_within(results, SUMMARY)


def render_comment(results: Results) -> str:
    """Render the report within what a comment takes."""
    return render_within(results, COMMENT)


def render_within(results: Results, limit: int) -> str:
    """Render the answer, a table of speedups, one of forms by engines where there were several, and the machine.

    Args:
        results: of a run. Where it is compared with something, the rows that regressed come first, then those that
            are unsure; else the greatest speedup comes first.
        limit: most bytes.
    """
    rows = sorted(table_rows(results), key=lambda row: _place(row[-1]))  # stable: by speedup within a verdict
    together = [line for one in results.pooled for line in (markdown(f"{one.sentence}."), "")]
    top = [" ".join(map(markdown, sentences_of(results))), "", *together]
    head = [_row(HEADER), "|---|---|---:|---:|---|---|---:|---|"]
    end = [line for note in notes(results) for line in (markdown(note), "")] + [markdown(machine_line(results)), ""]
    shown, folded = [_row(row) for row in rows[:_SHOWN]], [_row(row) for row in rows[_SHOWN:]]
    left = limit - _SPARE - _bytes([*top, *head, *end])
    lines = [*top, *head, *_fitting(shown, left)] if rows else top
    left -= _bytes(shown)
    if folded:
        lines += _fold(f"{len(folded)} more rows", head, _fitting(folded, left - _bytes(head)))
        left -= _bytes([*head, *folded])
    by_engine = engine_rows(results)
    if by_engine:
        header, *cells = by_engine
        under = [_row(header), f"|---|{'---:|' * (len(header) - 1)}"]
        lines += _fold(ENGINES_TITLE, under, _fitting([_row(row) for row in cells], left - _bytes(under)))
    return "\n".join([*lines, "", *end])


def _place(status: str) -> int:
    return _ORDER.index(status) if status in _ORDER else len(_ORDER)


def _fold(title: str, head: Sequence[str], rows: Sequence[str]) -> list[str]:
    return ["", "<details>", f"<summary>{markdown(title)}</summary>", "", *head, *rows, "", "</details>"]


def _fitting(rows: Sequence[str], room: int) -> list[str]:
    """Return the first rows that fit into so many bytes, and a row that counts the others."""
    fitting: list[str] = []
    for row in rows:
        room -= _bytes([row])
        if room < 0:
            break
        fitting.append(row)
    if len(fitting) < len(rows):
        fitting.append(
            f"| {len(rows) - len(fitting)} more rows do not fit here: they are in the report's other formats |"
        )
    return fitting


def _bytes(lines: Sequence[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(markdown, cells))} |"
