"""The page around the sections of an HTML report: its style, its filters, and the script that draws its charts."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from pytest_formfunc.report import charts
from pytest_formfunc.report.markup import text
from pytest_formfunc.report.points import Point

# Nothing is loaded from anywhere: a browser refuses what a page of this policy asks for.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'; img-src data: blob:"
_FILTERS = (("group", "pattern"), ("backend", "backend"), ("verdict", "verdict"))


def page(title: str, body: str, found: Sequence[Point]) -> str:
    """Render the page.

    Args:
        title: its title.
        body: its sections, in HTML.
        found: the points that its charts show and its filters choose from.
    """
    drawn = 'class="chart"' in body
    scripts = f'<script type="application/json" id="points">{charts.as_script(list(found))}</script>\n'
    if drawn:
        scripts += f'<script type="module">{charts.bundle()}\n{_file("page.js")}</script>\n'
    else:
        scripts += f"<script>{_file('page.js')}</script>\n"
    note = "" if charts.are_possible() or not found else f'<p class="note">{text(charts.EXTRA)}</p>\n'
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{text(title)}</title>\n<style>{_file('page.css')}</style></head><body>\n"
        f"<h1>{text(title)}</h1>\n{note}{_filters(found)}{body}{scripts}</body></html>\n"
    )


def _filters(found: Sequence[Point]) -> str:
    """Render a choice for each filter that has something to choose from, and how many rows are shown."""
    choices = ""
    for name, title in _FILTERS:
        values = sorted({str(point[name]) for point in found} - {""})
        if len(values) > 1:
            options = "".join(f'<option value="{text(value)}">{text(value)}</option>' for value in values)
            choices += f'<label>{title} <select name="{name}"><option value="">all</option>{options}</select></label>\n'
    hidden = "" if choices else " hidden"
    return f'<form class="filters"{hidden}>{choices}<output id="shown" aria-live="polite"></output></form>\n'


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
