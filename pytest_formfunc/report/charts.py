"""Charts by Altair: what they all share, and how a page shows one. The extra ``report`` installs it.

A chart is a Vega-Lite specification whose data has the name `POINTS`: a page has the points once, and its filters
give each chart those that are chosen. Colours are of Okabe and Ito (2008), which most people can tell apart.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pytest_formfunc.report.markup import text
from pytest_formfunc.report.points import Point

POINTS = "points"
EXTRA = "charts need the extra report: pip install 'pytest-formfunc[report]'"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
# Text and lines take the colour of the page's text, so that they are seen on a light and on a dark one.
INK = "currentColor"
_FIGURE = re.compile(r'<figure id="([^"]*)">.*?<script type="application/json">(.*?)</script>', re.DOTALL)
CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "axis": {"labelColor": INK, "titleColor": INK, "tickColor": INK, "domainColor": INK, "gridColor": "#8884"},
    "legend": {
        "labelColor": INK,
        "titleColor": INK,
        "orient": "bottom",
        "labelLimit": 220,
        "columns": {"expr": "max(1, floor(width / 190))"},
    },
    "title": {"color": INK},
    "view": {"stroke": None},
    "text": {"color": INK},
    "rule": {"color": INK},
    "range": {"category": list(COLOURS)},
}


def are_possible() -> bool:
    """Return whether the extra is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("altair", "vl_convert"))


def data() -> Any:
    """Return the data of each chart: the points that the page's filters choose."""
    import altair

    return altair.NamedData(name=POINTS)


def specification(chart: Any, points: Sequence[Point] = ()) -> dict[str, Any]:
    """Return a chart as Vega-Lite.

    Args:
        chart: an Altair chart whose data is `data`.
        points: what it shows; none where a page gives them.
    """
    found: dict[str, Any] = chart.to_dict(validate=False, context={"pre_transform": False})
    found |= {"config": CONFIG, "autosize": {"type": "fit-x", "contains": "padding"}}
    if points:
        found["datasets"] = {**found.get("datasets", {}), POINTS: list(points)}
    return found


def by_name(field: str, values: Sequence[str], title: str) -> dict[str, Any]:
    """Return the channels that tell names apart: a colour each, and a dash and a shape where colours repeat."""
    import altair as alt

    count = len(COLOURS)
    colours = [COLOURS[at % count] for at in range(len(values))]
    dashes = [[1, 0] if at < count else [5, 3] for at in range(len(values))]
    legend = alt.Legend(symbolLimit=0)
    common = {"title": title, "legend": legend, "sort": list(values)}
    return {
        "color": alt.Color(f"{field}:N", scale=alt.Scale(domain=list(values), range=colours), **common),
        "strokeDash": alt.StrokeDash(f"{field}:N", scale=alt.Scale(domain=list(values), range=dashes), **common),
    }


def logarithmic(field: str, title: str, **scale: Any) -> dict[str, Any]:
    """Return the arguments of a position channel with a logarithmic scale and plain numbers."""
    import altair as alt

    return {"shorthand": f"{field}:Q", "scale": alt.Scale(type="log", **scale), "title": title,
            "axis": alt.Axis(format=".3~r", labelOverlap=True)}  # fmt: skip


def figure(name: str, chart: Any, caption: str, table: str) -> str:
    """Render a chart with its caption and, folded, the table of what it shows.

    Args:
        name: an identifier, unique on the page.
        chart: see `specification`; None where there is no extra, so that only the table is shown.
        caption: what it shows and with what uncertainty, in one or two sentences.
        table: that table in HTML; empty where the chart above has the same.
    """
    if chart is None:
        return f"<p>{text(caption)}</p>\n{table}"
    return (
        f'<figure id="{name}"><div class="chart" role="img" aria-label="{text(caption)}"></div>\n'
        f'<script type="application/json">{as_script(specification(chart))}</script>\n'
        f"<figcaption>{text(caption)}</figcaption>\n"
        + (f"<details><summary>The same as a table</summary>{table}</details>" if table else "")
        + "</figure>\n"
    )


def specifications(body: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the name and the specification of each chart in a page's body."""
    for name, found in _FIGURE.findall(body):
        yield name, json.loads(found)


def as_script(value: Any) -> str:
    """Return JSON that nothing in it can end: a browser looks for ``</script`` and ``<!--`` before it reads JSON."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


@functools.cache
def bundle() -> str:
    """Return the JavaScript that draws charts: Vega, Vega-Lite and vega-embed, as vl-convert brings them."""
    import vl_convert

    code: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")
