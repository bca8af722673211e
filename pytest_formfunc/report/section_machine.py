"""The page's last sections: what disturbed the run, and the machine, the versions and the settings that it had."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pytest_formfunc.records import Record
from pytest_formfunc.report import charts
from pytest_formfunc.report.markup import table, text
from pytest_formfunc.report.points import points
from pytest_formfunc.report.tables import machine_line
from pytest_formfunc.results import Results
from pytest_formfunc.units import format_bytes


def disturbance(results: Results) -> str:
    """Render how long threads waited for cores and what the host took, row by row."""
    found = points(results)
    if not found:
        return ""
    rows = [
        [
            point["case"], point["backend"], f"{point['waited']:.2f}%", f"{point['stolen']:.2f}%",
            str(point["discarded"]), point["disturbed"],
        ]
        for point in found
    ]  # fmt: skip
    head = ("case", "backend", "threads waited for cores", "taken by the host", "rounds measured again", "")
    body = "<h2>What disturbed it</h2>\n"
    if (paces := results.spent.paces) is not None:
        near, slow = paces
        body += f"<p>The machine was near its best pace in {near:.0%} of all looks, much slower in {slow:.0%}.</p>\n"
    return body + charts.figure(
        "disturbance", _waits() if charts.are_possible() else None,
        "Share of the time for which a row's threads waited for a core, and share of all cores' time that the host "
        "gave to others. Rows of another shape claim no speedup.",
        table([head], rows, "numbers"),
    )  # fmt: skip


def _waits() -> Any:
    import altair as alt

    return (
        alt.Chart(charts.data())
        .transform_calculate(claims="datum.speedup === null ? 'no' : 'yes'")
        .mark_point(filled=True, size=50, opacity=0.7, cursor="pointer")
        .encode(
            x=alt.X("waited:Q", title="waited for cores, %"),
            y=alt.Y("stolen:Q", title="taken by the host, %"),
            color=alt.Color("claims:N", title="claims a speedup"),
            shape=alt.Shape("claims:N", title="claims a speedup"),
            tooltip=["case:N", "backend:N", "waited:Q", "stolen:Q", "discarded:Q"],
            href="link:N",
        )
        .properties(width="container", height=220)
    )


def machine(results: Results) -> str:
    """Render what was measured on, with which versions and settings; a column for each machine."""
    records = [*results.records.values()]
    body = f"<h2>Machine, versions, settings</h2>\n<p>{text(machine_line(results))}</p>\n"
    hosts = [*{record.fingerprint: record.host for record in records}.values()]
    names = list(dict.fromkeys(name for host in hosts for name in _flat(host)))
    rows = [[name, *(_flat(host).get(name, "") for host in hosts)] for name in names]
    if rows:
        head = ("", *(f"machine {at + 1}" if len(hosts) > 1 else "" for at in range(len(hosts))))
        body += f"<details><summary>All that is known of it</summary>{table([head], rows, 'machine')}</details>\n"
    settings = [*dict.fromkeys(_settings(records))]
    if settings:
        body += table(
            [("backend", "precision", "device", "settings that are not the engine's defaults")], settings, "machine"
        )
    return body


def _flat(host: dict[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in host.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name} ")
        elif name.endswith("bytes") and isinstance(value, int):
            found[before + name.removesuffix("_bytes")] = format_bytes(value)
        else:
            found[before + name] = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return found


def _settings(records: Iterable[Record]) -> Iterable[tuple[str, str, str, str]]:
    for record in records:
        said = ", ".join(f"{name}={value}" for name, value in record.settings.items())
        yield record.backend, record.precision, record.device, said
