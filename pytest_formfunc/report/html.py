"""The report as one HTML page that needs nothing else: its sections in order, each absent without data."""

from __future__ import annotations

from importlib import import_module

from pytest_formfunc.report.markup import table, text
from pytest_formfunc.report.tables import ENGINES_TITLE, HEADER, engine_rows, machine_line, notes, table_rows
from pytest_formfunc.results import Results

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em}"
    "table{border-collapse:collapse}td,th{padding:.3em .8em;border-bottom:1px solid #ddd;text-align:left}"
    "td:nth-child(3),td:nth-child(4),td:nth-child(7),.engines :is(td,th):nth-child(n+2)"
    "{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
)


# Sections in their order: modules of this folder, and functions that turn results into HTML, or into an empty text if
# there is nothing to show. A new section is one file and one line here.
SECTIONS = (
    "html:speedups", "html:engines", "section_waterfall:waterfall", "section_layers:layers", "section_advice:advice",
    "html:machine",
)  # fmt: skip


def render_html(results: Results) -> str:
    """Render the page."""
    body = ""
    for section in SECTIONS:
        module, _, function = section.partition(":")
        body += getattr(import_module(f"{__package__}.{module}"), function)(results)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>formfunc</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>Speedup by form</h1>\n{body}</body></html>\n"
    )


def speedups(results: Results) -> str:
    """Render the table of speedups."""
    return table([HEADER], table_rows(results)) + "".join(f"<p>{text(note)}</p>\n" for note in notes(results))


def engines(results: Results) -> str:
    """Render the table of forms by engines; nothing where there was one engine."""
    rows = engine_rows(results)
    if not rows:
        return ""
    return f"<h2>By engine</h2>\n<p>{ENGINES_TITLE}</p>\n{table(rows[:1], rows[1:], 'engines')}"


def machine(results: Results) -> str:
    """Render what was measured on."""
    return f"<p>{text(machine_line(results))}</p>\n"
