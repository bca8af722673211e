"""The page's section on forms: speedup by pattern, depth and width, as a heat map and as lines with intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from pytest_formfunc.report import charts
from pytest_formfunc.report.markup import table, text
from pytest_formfunc.report.points import Point, points
from pytest_formfunc.results import Results
from pytest_formfunc.units import format_ratio

_MOST_LABELLED = 120  # cells; more are too small for text


def forms(results: Results) -> str:
    """Render a heat map for each backend, and lines where there are several widths or depths."""
    found = [point for point in points(results) if point["depth"] is not None]
    if not any(point["speedup"] for point in found):
        return ""
    body = "<h2>By pattern, depth and width</h2>\n"
    for number, backend in enumerate(dict.fromkeys(point["backend"] for point in found)):
        own = [point for point in found if point["backend"] == backend]
        possible = charts.are_possible()
        body += f'<section data-backend="{text(backend)}"><h3>{text(backend)}</h3>\n' + charts.figure(
            f"forms-{number}", heat_map(backend, own) if possible else None,
            f"Speedup of {backend} over native, by pattern and by depth (d) and width (w). An empty cell has no "
            "claim: the row was contended, failed, or is not in this run.",
            _table(own),
        )  # fmt: skip
        for axis in ("width", "depth"):
            if possible and _varies(own, axis):
                body += charts.figure(
                    f"forms-{number}-{axis}", lines(backend, own, axis),
                    f"Speedup of {backend} over native by {axis}, with 95% intervals; a line joins forms that "
                    f"differ in {axis} alone. The table above has the figures.",
                    "",
                )  # fmt: skip
        body += "</section>\n"
    return body


def _varies(found: Sequence[Point], axis: str) -> bool:
    return len({point[axis] for point in found if point["speedup"]}) > 1


def heat_map(backend: str, own: Sequence[Point]) -> Any:
    """Return cells of patterns by depth and width, coloured by the logarithm of the speedup."""
    import altair as alt

    most = max(max(one["speedup"], 1 / one["speedup"], 1.2) for one in own if one["speedup"])
    base = (
        alt.Chart(charts.data())
        .transform_filter(_of(backend))
        .transform_calculate(size="'d' + datum.depth + ' w' + datum.width", claim="format(datum.speedup, '.3~g') + 'x'")
        .encode(
            x=alt.X(
                "size:N", title=None, sort=_sizes(own), axis=alt.Axis(labelAngle=45, labelAlign="right", orient="top")
            ),
            y=alt.Y("group:N", title=None, sort=_by_speedup(own), axis=alt.Axis(labelLimit=260)),
        )
    )
    cells = base.mark_rect(cursor="pointer").encode(
        color=alt.Color(
            "speedup:Q", title="speedup",
            scale=alt.Scale(type="log", scheme="blueorange", domain=[1 / most, most], reverse=True),
            legend=alt.Legend(format=".2~r", gradientLength=200),
        ),
        tooltip=_tooltip(),
        href="link:N",
    )  # fmt: skip
    drawn = cells
    if len(own) <= _MOST_LABELLED:
        dark = f"abs(log(datum.speedup)) > {0.6 * math.log(most):.3f}"
        legible = alt.ExprRef(f"width / {len(_sizes(own))} < 34 ? 0 : 1")
        ink = alt.condition(dark, alt.value("#fff"), alt.value("#000"))
        drawn = cells + base.mark_text(fontSize=11, opacity=legible).encode(
            text="claim:N", href="link:N", tooltip=_tooltip(), color=ink
        )
    return drawn.properties(width="container", height=22 * len(set(_by_speedup(own))))


def lines(backend: str, own: Sequence[Point], axis: str) -> Any:
    """Return speedup over depth or width, a colour for each pattern."""
    import altair as alt

    other = "depth" if axis == "width" else "width"
    base = (
        alt.Chart(charts.data())
        .transform_filter(_of(backend))
        .encode(
            x=alt.X(f"{axis}:Q", scale=alt.Scale(type="log", base=2), title=axis, axis=alt.Axis(
                values=sorted({point[axis] for point in own}), format="d")),
        )
    )  # fmt: skip
    names = charts.by_name("group", _by_speedup(own), "pattern")
    y = alt.Y(**charts.logarithmic("speedup", "speedup", nice=False))
    return (
        base.mark_line(opacity=0.8).encode(y=y, detail=f"{other}:N", **names)
        + base.mark_rule(opacity=0.7).encode(
            y=alt.Y(**charts.logarithmic("low", "speedup", nice=False)), y2="high:Q", color=names["color"]
        )
        + base.mark_point(filled=True, size=45).encode(
            y=y, color=names["color"], tooltip=_tooltip(), href="link:N"
        )
    ).properties(width="container", height=360)  # fmt: skip


def _of(backend: str) -> str:
    return f"datum.backend === {json.dumps(backend)} && datum.depth !== null && datum.speedup !== null"


def _sizes(own: Sequence[Point]) -> list[str]:
    sizes = sorted({(point["depth"], point["width"]) for point in own})
    return [f"d{depth} w{width}" for depth, width in sizes]


def _by_speedup(own: Sequence[Point]) -> list[str]:
    return list(dict.fromkeys(point["group"] for point in own))  # points are in the order of their speedups


def _tooltip() -> list[str]:
    return [f"{name}:{kind}" for name, kind in (
        ("case", "N"), ("backend", "N"), ("speedup", "Q"), ("low", "Q"), ("high", "Q"), ("native_ms", "Q"), ("ms", "Q"),
    )]  # fmt: skip


def _table(own: Sequence[Point]) -> str:
    rows = [
        [
            point["group"],
            str(point["depth"]),
            str(point["width"]),
            *(format_ratio(point[name]) if point[name] else "" for name in ("speedup", "low", "high")),
        ]
        for point in own
    ]
    return table([("pattern", "depth", "width", "speedup", "low", "high")], rows, "numbers")
