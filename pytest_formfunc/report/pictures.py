"""Each chart of the HTML report as a picture of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_formfunc.errors import FormfuncError
from pytest_formfunc.report import charts
from pytest_formfunc.report.html import render_body
from pytest_formfunc.report.points import points
from pytest_formfunc.results import Results

WIDTH = 760  # pixels
# Letters are of another width where a picture is looked at than where it is drawn, and names of forms would be cut.
_PADDING = {"left": 60, "right": 20, "top": 30, "bottom": 10}
_SCALE = 2.0  # of a PNG, for screens of many pixels


def render_svg(results: Results) -> dict[str, bytes]:
    """Return each chart as SVG, by its name.

    Raises:
        FormfuncError: the extra is not installed.
    """
    import vl_convert

    return {name: vl_convert.vegalite_to_svg(found).encode() for name, found in _specifications(results)}


def render_png(results: Results) -> dict[str, bytes]:
    """Return each chart as PNG, by its name.

    Raises:
        FormfuncError: the extra is not installed.
    """
    import vl_convert

    return {name: vl_convert.vegalite_to_png(found, scale=_SCALE) for name, found in _specifications(results)}


def why_no_pictures() -> str:
    """Return why pictures cannot be made here; empty where they can."""
    return "" if charts.are_possible() else charts.EXTRA


def _specifications(results: Results) -> Iterator[tuple[str, dict[str, Any]]]:
    if problem := why_no_pictures():
        raise FormfuncError(problem)
    found = points(results)
    for name, specification in charts.specifications(render_body(results)):
        datasets = {**specification.get("datasets", {}), charts.POINTS: found}
        yield name, {**specification, "datasets": datasets, "width": WIDTH, "background": "white", "padding": _PADDING}
