"""The page's section on latencies: native against accelerated, with lines of equal speedup."""

from __future__ import annotations

from typing import Any

from pytest_formfunc.report import charts
from pytest_formfunc.report.markup import table
from pytest_formfunc.report.points import points
from pytest_formfunc.results import Results

_LINES = (1, 2, 5, 10)


def latency(results: Results) -> str:
    """Render the chart; nothing where fewer than two rows claim a speedup."""
    found = [point for point in points(results) if point["ms"] and point["native_ms"]]
    if len(found) < 2:
        return ""
    rows = [
        [point["case"], point["backend"], f"{point['native_ms']:.4g}", f"{point['ms']:.4g}"] for point in found
    ]  # fmt: skip
    return "<h2>Native against accelerated latency</h2>\n" + charts.figure(
        "latency", scatter([one["native_ms"] for one in found]) if charts.are_possible() else None,
        "Latency of one call in milliseconds, both typical, with memory kept. Below the line of 1x the accelerated "
        "backend is faster; lines show 1x, 2x, 5x and 10x.",
        table([("case", "backend", "native ms", "accelerated ms")], rows, "numbers"),
    )  # fmt: skip


def scatter(native_ms: list[float]) -> Any:
    """Return accelerated over native latency, both axes logarithmic."""
    import altair as alt

    ends = min(native_ms), max(native_ms)
    guides = [
        {"native_ms": end, "ms": end / times, "label": f"{times}x" if end == ends[1] else "", "times": times}
        for times in _LINES
        for end in ends
    ]
    x = alt.X(**charts.logarithmic("native_ms", "native, ms"))
    y = alt.Y(**charts.logarithmic("ms", "accelerated, ms"))
    guide = alt.Chart(alt.InlineData(values=guides)).encode(x=x, y=y, detail="times:N")
    marks = (
        alt.Chart(charts.data())
        .transform_filter("datum.ms !== null && datum.native_ms !== null")
        .mark_point(filled=True, size=60, opacity=0.85, cursor="pointer")
        .encode(
            x=x, y=y, color=alt.Color("backend:N", title="backend"), shape=alt.Shape("backend:N", title="backend"),
            tooltip=["case:N", "backend:N", "native_ms:Q", "ms:Q", "speedup:Q"], href="link:N",
        )
    )  # fmt: skip
    return (
        guide.mark_line(color="#888", strokeDash=[4, 4])
        + guide.mark_text(align="left", dx=4, color="#888").encode(text="label:N")
        + marks
    ).properties(width="container", height=360)
