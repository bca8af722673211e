"""The page's section on the staircase: latency over width, where a run has many widths of one pattern and depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_formfunc.report import charts
from pytest_formfunc.report.markup import table
from pytest_formfunc.report.points import Point, points
from pytest_formfunc.results import Results

LEAST = 6  # widths; fewer show no stairs


def staircase(results: Results) -> str:
    """Render latency over width; nothing where no pattern was measured at many widths."""
    found = [point for point in points(results) if point["width"] is not None and point["ms"]]
    widths: dict[tuple[str, int, str], set[int]] = {}
    for point in found:
        widths.setdefault(_form(point), set()).add(point["width"])
    own = [point for point in found if len(widths[_form(point)]) >= LEAST]
    if not own:
        return ""
    rows = [
        [point["group"], point["backend"], str(point["depth"]), str(point["width"]), f"{point['ms']:.4g}"]
        for point in sorted(own, key=lambda one: (*_form(one), one["width"]))
    ]
    return "<h2>Latency over width</h2>\n" + charts.figure(
        "staircase", stairs(own) if charts.are_possible() else None,
        "Latency of the accelerated backend over width. Where it climbs in steps, the widths just below a step are the "
        "ones to take.",
        table([("pattern", "backend", "depth", "width", "ms")], rows, "numbers"),
    )  # fmt: skip


def _form(point: Point) -> tuple[str, int, str]:
    return point["group"], point["depth"], point["backend"]


def stairs(own: Sequence[Point]) -> Any:
    """Return a line for each pattern, depth and backend."""
    import altair as alt

    names = list(dict.fromkeys(point["group"] for point in own))
    forms = sorted({_form(point) for point in own})
    values = [
        {name: point[name] for name in ("group", "depth", "backend", "width", "ms", "link")}
        for form in forms
        for point in own
        if _form(point) == form
    ]
    return (
        alt.Chart(alt.InlineData(values=values))
        .mark_line(point=True, interpolate="monotone")
        .encode(
            x=alt.X("width:Q", title="width", scale=alt.Scale(zero=False)),
            y=alt.Y(**charts.logarithmic("ms", "ms", nice=False)),
            color=charts.by_name("group", names, "pattern")["color"],
            strokeDash=alt.StrokeDash("backend:N", title="backend"),
            detail="depth:N",
            tooltip=["group:N", "backend:N", "depth:Q", "width:Q", "ms:Q"],
        )
        .properties(width="container", height=320)
    )
