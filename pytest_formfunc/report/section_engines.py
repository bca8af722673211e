"""The page's section on engines: how the speedups of each are spread, and the table of forms by engines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_formfunc.report import charts
from pytest_formfunc.report.markup import table
from pytest_formfunc.report.points import Point, points
from pytest_formfunc.report.tables import ENGINES_TITLE, engine_rows
from pytest_formfunc.results import Results


def engines(results: Results) -> str:
    """Render the chart and the table; nothing where there was one engine."""
    rows = engine_rows(results)
    if not rows:
        return ""
    found = points(results)
    drawn = charts.are_possible() and any(point["speedup"] for point in found)
    return "<h2>By engine</h2>\n" + charts.figure(
        "engines", spread(found) if drawn else None,
        "Speedup of each case over native, by backend: a mark is a case, the wide one the median. " + ENGINES_TITLE,
        table(rows[:1], rows[1:], "engines"),
    )  # fmt: skip


def spread(found: Sequence[Point]) -> Any:
    """Return a mark for each case on a line for each backend."""
    import altair as alt

    base = (
        alt.Chart(charts.data())
        .transform_filter("datum.speedup !== null")
        .encode(y=alt.Y("backend:N", title=None, sort=list(dict.fromkeys(point["backend"] for point in found))))
    )
    x = charts.logarithmic("speedup", "speedup")
    return (
        base.mark_tick(thickness=2, opacity=0.6, cursor="pointer").encode(
            x=alt.X(**x), color=alt.Color("backend:N", legend=None), href="link:N",
            tooltip=["case:N", "backend:N", "speedup:Q", "low:Q", "high:Q"],
        )
        + base.mark_tick(thickness=5, size=26).encode(
            x=alt.X(**{**x, "shorthand": "median(speedup):Q"}), color=alt.Color("backend:N", legend=None)
        )
    ).properties(width="container", height=36 * len({point["backend"] for point in found}))  # fmt: skip
