"""The report as one HTML page that needs nothing else: its sections in order, each absent without data."""

from __future__ import annotations

from importlib import import_module

from pytest_formfunc.report.markup import row, table, text
from pytest_formfunc.report.page import page
from pytest_formfunc.report.points import points
from pytest_formfunc.report.tables import HEADER, notes, table_rows
from pytest_formfunc.results import Results

# Sections in their order: modules of this folder, and functions that turn results into HTML, or into an empty text if
# there is nothing to show. A new section is one file and one line here.
SECTIONS = (
    "section_answer:answer", "section_verdicts:verdicts", "section_forms:forms", "section_latency:latency",
    "section_engines:engines", "html:speedups", "section_roof:roofline", "section_roof:efficacy",
    "section_staircase:staircase", "section_waterfall:waterfall", "section_layers:layers", "section_advice:advice",
    "section_history:history", "section_machine:disturbance", "section_machine:machine",
)  # fmt: skip


def render_html(results: Results) -> str:
    """Render the page."""
    return page("Speedup by form", render_body(results), points(results))


def render_body(results: Results) -> str:
    """Render the sections."""
    body = ""
    for section in SECTIONS:
        module, _, function = section.partition(":")
        body += getattr(import_module(f"{__package__}.{module}"), function)(results)
    return body


def speedups(results: Results) -> str:
    """Render the table of speedups, whose rows charts link to."""
    found = points(results)
    rows = [
        row(cells, f'id="row-{point["row"]}" data-row="{point["row"]}" class="{point["verdict"].replace(" ", "-")}"')
        for point, cells in zip(found, table_rows(results), strict=True)
    ]
    return (
        "<h2>Every row</h2>\n"
        + table([HEADER], rows)
        + "".join(f'<p class="note">{text(note)}</p>\n' for note in notes(results))
    )
