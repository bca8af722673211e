"""The page's sections on the roofline, and on FLOPs against cache efficacy against latency (`--formfunc-why`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_formfunc.report import charts
from pytest_formfunc.report.markup import table
from pytest_formfunc.report.points import Point, points
from pytest_formfunc.results import Results
from pytest_formfunc.stats import median


def roofline(results: Results) -> str:
    """Render achieved FLOP/s over intensity below each backend's roof; nothing where none was observed."""
    found = [point for point in points(results) if point["flops"] and point["intensity"]]
    if not found:
        return ""
    rows = [
        [
            point["case"], point["backend"], f"{point['intensity']:.3g}", f"{point['flops'] / 1e9:.4g}",
            f"{(point['peak'] or 0) / 1e9:.4g}", f"{(point['bandwidth'] or 0) / 1e9:.3g}",
        ]
        for point in found
    ]  # fmt: skip
    head = ("case", "backend", "FLOPs a byte", "GFLOP/s", "peak GFLOP/s", "memory GB/s")
    return "<h2>Roofline</h2>\n" + charts.figure(
        "roofline", roofs(found) if charts.are_possible() else None,
        "What each case achieves, over the FLOPs for each byte of its tensors. The roof is the backend's own large "
        "product, and the memory's bandwidth, measured in the same processes (Williams et al. 2009).",
        table([head], rows, "numbers"),
    )  # fmt: skip


def roofs(found: Sequence[Point]) -> Any:
    """Return points, and a roof for each backend: the median of its peaks and bandwidths."""
    import altair as alt

    x = alt.X("intensity:Q", scale=alt.Scale(type="log"), title="FLOPs a byte", axis=alt.Axis(format="~s"))
    y = alt.Y("flops:Q", scale=alt.Scale(type="log"), title="FLOP/s", axis=alt.Axis(format="~s"))
    color = alt.Color("backend:N", title="backend")
    lines = alt.Chart(alt.InlineData(values=_roof_lines(found))).encode(x=x, y=y, color=color, detail="backend:N")
    marks = alt.Chart(charts.data()).transform_filter("datum.flops !== null && datum.intensity !== null")
    return (
        lines.mark_line(strokeDash=[6, 3])
        + marks.mark_point(filled=True, size=60, cursor="pointer").encode(
            x=x, y=y, color=color, shape=alt.Shape("backend:N", title="backend"),
            tooltip=["case:N", "backend:N", "intensity:Q", "flops:Q", "share_of_roof:Q"], href="link:N",
        )
    ).properties(width="container", height=340)  # fmt: skip


def _roof_lines(found: Sequence[Point]) -> list[dict[str, Any]]:
    """Return the corners of each backend's roof, within what the points span."""
    lines = []
    for backend in dict.fromkeys(point["backend"] for point in found):
        own = [point for point in found if point["backend"] == backend and point["peak"] and point["bandwidth"]]
        if not own:
            continue
        peak, bandwidth = (median([point[name] for point in own]) for name in ("peak", "bandwidth"))
        ridge = peak / bandwidth
        low, high = (choose([*(point["intensity"] for point in found), ridge]) for choose in (min, max))
        for intensity in (low / 2, ridge, high * 2):
            lines.append(
                {"backend": backend, "intensity": intensity, "flops": min(peak, intensity * bandwidth)}
            )  # fmt: skip
    return lines


def efficacy(results: Results) -> str:
    """Render cache efficacy over FLOPs, sized by latency; nothing where none was observed."""
    found = [point for point in points(results) if point["efficacy"] is not None and point["gmac"]]
    if len(found) < 2:
        return ""
    rows = [
        [
            point["case"], point["backend"], f"{2 * point['gmac']:.4g}", f"{point['efficacy']:.3f}",
            "" if point["native_ms"] is None else f"{point['native_ms']:.4g}",
        ]
        for point in found
    ]  # fmt: skip
    head = ("case", "backend", "GFLOP", "efficacy of the last-level cache, native", "native ms")
    return "<h2>FLOPs, cache efficacy and latency</h2>\n" + charts.figure(
        "efficacy", cloud(found) if charts.are_possible() else None,
        "The share of native's memory traffic that the last-level cache spares (modelled from the order of its "
        "tensors), over the FLOPs of a call; a larger mark is a longer latency.",
        table([head], rows, "numbers"),
    )  # fmt: skip


def cloud(found: Sequence[Point]) -> Any:
    """Return efficacy over FLOPs."""
    import altair as alt

    names = list(dict.fromkeys(point["group"] for point in found))

    return (
        alt.Chart(charts.data())
        .transform_filter("datum.efficacy !== null && datum.gmac > 0 && datum.native_ms !== null")
        .transform_calculate(gflop="2 * datum.gmac")
        .mark_point(filled=True, opacity=0.7, cursor="pointer")
        .encode(
            x=alt.X(**charts.logarithmic("gflop", "GFLOP")),
            y=alt.Y("efficacy:Q", title="efficacy", axis=alt.Axis(format="%")),
            size=alt.Size("native_ms:Q", title="native ms", scale=alt.Scale(type="log"),
                          legend=alt.Legend(format=".2~r")),
            color=charts.by_name("group", names, "pattern")["color"],
            tooltip=["case:N", "backend:N", "gflop:Q", "efficacy:Q", "native_ms:Q"], href="link:N",
        )
        .properties(width="container", height=320)
    )  # fmt: skip
