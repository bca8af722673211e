"""Draw the README's picture, ``docs/answer.svg``, from the first table of ``docs/results.md``.

``python docs/site/answer.py`` writes it; it needs the extra ``report``.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
PICTURE = DOCS / "answer.svg"
_ROW = re.compile(r"^\| (\w+) \| ([\d.]+)x \(([\d.]+) to ([\d.]+)\) \| [\d.]+x \| ([\d.]+)x \|$", re.M)
# Letters are of another width where the picture is looked at than where it is drawn.
_PADDING = {"left": 60, "right": 20, "top": 12, "bottom": 12}
_KEPT, _DEFAULT = "what the form gains, with its 95% interval", "what a process gets by default"


def rows() -> list[dict[str, Any]]:
    """Return the table's rows: pattern, speedup with its interval, speedup by default."""
    return [
        {"pattern": name, "speedup": float(value), "low": float(low), "high": float(high), "default": float(default)}
        for name, value, low, high, default in _ROW.findall((DOCS / "results.md").read_text(encoding="utf-8"))
    ]


def draw() -> str:
    """Return the picture as SVG."""
    import altair as alt
    import vl_convert

    found = rows()
    order = [row["pattern"] for row in found]
    base = alt.Chart(alt.Data(values=found)).encode(
        y=alt.Y("pattern:N", sort=order, title=None, axis=alt.Axis(labelLimit=300, ticks=False, domain=False))
    )
    scale = alt.Scale(domain=[1, 8], nice=False)
    axis = alt.Axis(title="times as fast on OpenVINO as on PyTorch", values=[1, 2, 3, 4, 5, 6, 7, 8], format="d")
    colour = alt.Color(
        "what:N",
        scale=alt.Scale(domain=[_KEPT, _DEFAULT], range=["#1f5fa8", "#d9822b"]),
        legend=alt.Legend(title=None, orient="top", labelLimit=400),
    )
    chart = alt.layer(
        base.mark_rule(strokeWidth=3, color="#1f5fa8").encode(x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q"),
        base.transform_calculate(what=f"'{_KEPT}'").mark_circle(size=70, opacity=1).encode(x="speedup:Q", color=colour),
        base.transform_calculate(what=f"'{_DEFAULT}'")
        .mark_point(size=60, shape="diamond", filled=True, opacity=1)
        .encode(x="default:Q", color=colour),
    ).properties(width=520, height=24 * len(found), background="white", padding=_PADDING)
    made: str = vl_convert.vegalite_to_svg(chart.to_dict())
    return f"<!-- {digest_of(found)} -->\n{made}\n"


def digest_of(found: list[dict[str, Any]]) -> str:
    """Return a digest of what the picture shows."""
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()[:16]


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
