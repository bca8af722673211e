"""The page's section on history: how speedups moved over the runs that the command was given."""

from __future__ import annotations

import math
from typing import Any

from pytest_formfunc.report import charts
from pytest_formfunc.report.markup import table
from pytest_formfunc.results import Results
from pytest_formfunc.text import printable
from pytest_formfunc.units import format_ratio

_MOST = 12  # lines; those that moved most

Step = dict[str, Any]


def history(results: Results) -> str:
    """Render lines of the cases that moved most; nothing for a single run."""
    steps = _steps(results)
    if not steps:
        return ""
    rows = [
        [step["name"], step["run"], step["machine"], *(format_ratio(step[end]) for end in ("speedup", "low", "high"))]
        for step in steps
    ]
    moved = _most_moved(steps)
    shown = f"The {_MOST} that moved most are drawn. " if len(moved) == _MOST else ""
    return "<h2>Over runs</h2>\n" + charts.figure(
        "history", lines([step for step in steps if step["name"] in moved], moved) if charts.are_possible() else None,
        f"Speedup of each case in each run, in the order in which the runs were given, with 95% intervals. {shown}Runs "
        "of different machines are not comparable: a line joins those of one machine.",
        table([("case", "run", "machine", "speedup", "low", "high")], rows, "numbers"),
    )  # fmt: skip


def _steps(results: Results) -> list[Step]:
    """Return a speedup with its interval for each case, backend and run that claims one; nothing for one run."""
    if len(results.runs) < 2:
        return []
    machines = dict.fromkeys(one.fingerprint for records in results.runs.values() for one in records.values())
    numbers = {fingerprint: str(at + 1) for at, fingerprint in enumerate(machines)}
    return [
        {
            "name": printable(record.title), "run": printable(run), "at": at, "machine": numbers[record.fingerprint],
            "speedup": speedup.value, "low": speedup.low, "high": speedup.high,
        }
        for at, (run, records) in enumerate(results.runs.items())
        for record in records.values()
        if not record.native and (speedup := record.ranked_speedup) is not None and math.isfinite(speedup.high)
    ]  # fmt: skip


def _most_moved(steps: list[Step]) -> list[str]:
    ends: dict[str, tuple[float, float]] = {}
    for step in steps:
        low, high = ends.get(step["name"], (math.inf, 0.0))
        ends[step["name"]] = min(low, step["speedup"]), max(high, step["speedup"])
    return sorted(ends, key=lambda name: -ends[name][1] / ends[name][0])[:_MOST]


def lines(steps: list[Step], names: list[str]) -> Any:
    """Return a line for each case and machine over the runs."""
    import altair as alt

    order = list(dict.fromkeys(step["run"] for step in sorted(steps, key=lambda step: step["at"])))
    channels = charts.by_name("name", names, "case")
    base = alt.Chart(alt.InlineData(values=steps)).encode(
        x=alt.X("run:N", sort=order, title=None, axis=alt.Axis(labelAngle=-30, labelLimit=160))
    )
    y = alt.Y(**charts.logarithmic("speedup", "speedup", nice=False))
    return (
        base.mark_line().encode(y=y, detail="machine:N", **channels)
        + base.mark_rule(opacity=0.6).encode(
            y=alt.Y(**charts.logarithmic("low", "speedup", nice=False)), y2="high:Q", color=channels["color"]
        )
        + base.mark_point(filled=True, size=45).encode(
            y=y, color=channels["color"], shape=alt.Shape("machine:N", title="machine"),
            tooltip=["name:N", "run:N", "machine:N", "speedup:Q", "low:Q", "high:Q"],
        )
    ).properties(width="container", height=320)  # fmt: skip
