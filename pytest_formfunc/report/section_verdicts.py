"""The page's section on verdicts: what changed against a saved run or another revision, by how much, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_formfunc.records import Record
from pytest_formfunc.report import charts
from pytest_formfunc.report.figures import rank
from pytest_formfunc.report.markup import row, table, text
from pytest_formfunc.report.points import Point, points
from pytest_formfunc.results import Results
from pytest_formfunc.units import format_estimate, format_percent

_MOST_DRAWN = 24  # rows of the chart; the table has all
_HEAD = ("case", "backend", "verdict", "now / then", "smallest loss seen 4 times in 5", "why")
_ORDER = ("regressed", "inconclusive", "improved", "not comparable", "new", "unchanged")


def verdicts(results: Results) -> str:
    """Render the changes, worst first; nothing where nothing is compared."""
    accelerated = sorted((record for record in results.records.values() if not record.native), key=rank)
    pairs = [
        (record, point) for record, point in zip(accelerated, points(results), strict=True) if record.verdict
    ]  # fmt: skip
    if not pairs:
        return ""
    pairs.sort(key=lambda pair: _place(pair[0]))
    rows = [row(_cells(record), f'data-row="{point["row"]}"') for record, point in pairs]
    changed = [point for _, point in pairs if point["change"]][:_MOST_DRAWN]
    threshold = next(record.verdict.threshold for record, _ in pairs if record.verdict)
    body = f"<h2>Against {text(results.comparison.title or 'what it was compared with')}</h2>\n"
    body += "".join(f"<p>{text(one.sentence)}.</p>\n" for one in results.pooled)
    return body + charts.figure(
        "verdicts", changes(changed, threshold) if changed and charts.are_possible() else None,
        "The speedup now over the speedup then, with the interval that it is judged by, worst first"
        + (f" (the first {_MOST_DRAWN})" if len(changed) == _MOST_DRAWN else "")
        + f". Left of the dashed line more than {format_percent(threshold)} is lost.",
        table([_HEAD], rows, "verdicts"),
    )  # fmt: skip


def _place(record: Record) -> tuple[int, float]:
    assert record.verdict is not None
    change = record.verdict.change
    status = record.verdict.status
    return _ORDER.index(status) if status in _ORDER else len(_ORDER), change.value if change else 0.0


def _cells(record: Record) -> list[str]:
    verdict = record.verdict
    assert verdict is not None
    return [
        record.case,
        record.backend,
        verdict.status,
        format_estimate(verdict.change) if verdict.change else "",
        format_percent(verdict.smallest_change) if verdict.smallest_change is not None else "",
        verdict.reason,
    ]


def changes(found: Sequence[Point], threshold: float) -> Any:
    """Return a point with its interval for each row."""
    import altair as alt

    order = [f"{point['case']} on {point['backend']}" for point in found]
    statuses = [status for status in _ORDER if any(point["verdict"] == status for point in found)]
    colours = {"regressed": "#D55E00", "improved": "#009E73", "inconclusive": "#E69F00"}
    base = (
        alt.Chart(charts.data())
        .transform_calculate(name="datum.case + ' on ' + datum.backend")
        .transform_filter(alt.FieldOneOfPredicate("name", order))
        .encode(
            y=alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=320)),
            color=alt.Color("verdict:N", title="verdict", scale=alt.Scale(
                domain=statuses, range=[colours.get(status, "#888888") for status in statuses])),
        )
    )  # fmt: skip
    edges = alt.Chart(alt.InlineData(values=[{"at": 1 - threshold}])).mark_rule(strokeDash=[4, 4], color="#888")
    return (
        edges.encode(x=alt.X(**charts.logarithmic("at", "now / then")))
        + base.mark_rule(strokeWidth=2).encode(
            x=alt.X(**charts.logarithmic("change_low", "now / then", nice=False)), x2="change_high:Q"
        )
        + base.mark_point(filled=True, size=60, cursor="pointer").encode(
            x=alt.X(**charts.logarithmic("change", "now / then", nice=False)), href="link:N",
            tooltip=["name:N", "verdict:N", "change:Q", "change_low:Q", "change_high:Q"],
        )
    ).properties(width="container", height=18 * len(order))  # fmt: skip
