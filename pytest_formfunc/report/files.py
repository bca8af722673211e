"""The report as a file: Markdown, HTML, CSV or JSON, by the file's ending."""

from __future__ import annotations

import csv
import html
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_formfunc.errors import BadInput
from pytest_formfunc.records import Record
from pytest_formfunc.report.engines import FASTEST, tabulate_engines
from pytest_formfunc.results import Results
from pytest_formfunc.units import format_claim, format_ms, format_shape

_HEADER = ("case", "backend", "native ms", "accelerated ms", "speedup (95% interval)", "GMAC", "verdict")
_ENGINES = f"Speedup by engine, ± half of its 95% interval; {FASTEST} is a case's fastest."


def write_report(results: Results, path: Path) -> Path:
    """Write a run's results to a file and return its path."""
    records = list(results.records.values())
    if path.suffix in (".md", ".html"):
        text = {".md": render_markdown, ".html": render_html}[path.suffix](records, results.failures)
    else:
        text = {".csv": render_csv, ".json": render_json}[path.suffix](records)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def check_report_path(path: Path) -> None:
    """Make sure that a report can be written there.

    Raises:
        BadInput: it is a folder, or it lies where nothing can be written.
    """
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if path.is_dir():
        raise BadInput(f"--formfunc-report {path} is a folder: name a file in it")
    if not above.is_dir() or not os.access(path if path.exists() else above, os.W_OK):
        raise BadInput(f"--formfunc-report {path} cannot be written: {above} is no folder that you may write to")


def table_rows(records: Sequence[Record]) -> list[tuple[str, ...]]:
    """Return one row of texts for each accelerated record, the greatest speedup first."""
    native = {record.case: record for record in records if record.native}
    rows: list[tuple[str, ...]] = []
    accelerated = [record for record in records if record.speedup is not None]
    for record in sorted(accelerated, key=lambda one: -one.speedup.value if one.speedup else 0.0):
        other = native.get(record.case)
        rows.append(
            (
                record.case,
                record.backend,
                format_ms(other.latency_s.median) if other else "-",
                format_ms(record.latency_s.median),
                format_claim(record.speedup) if record.speedup else "-",
                f"{record.cost['macs'] / 1e9:.3f}",
                record.verdict.status if record.verdict else "",
            )
        )
    return rows


def render_markdown(records: Sequence[Record], failures: Mapping[tuple[str, str], str]) -> str:
    """Render a table as GitHub shows it, one of forms by engines where there were several, and the machine below."""
    lines = [f"| {' | '.join(_HEADER)} |", "|---|---|---:|---:|---|---:|---|"]
    lines += [f"| {' | '.join(row)} |" for row in table_rows(records)]
    by_engine = _engine_rows(records, failures)
    if by_engine:
        header, *rows = by_engine
        lines += ["", _ENGINES, "", f"| {' | '.join(header)} |", f"|---|{'---:|' * (len(header) - 1)}"]
        lines += [f"| {' | '.join(row)} |".replace(FASTEST, f"\\{FASTEST}") for row in rows]
    return "\n".join([*lines, "", _machine(records), ""])


def _engine_rows(records: Sequence[Record], failures: Mapping[tuple[str, str], str]) -> list[tuple[str, ...]]:
    """Return the table of forms by engines, its header first; nothing where there was one engine."""
    table = tabulate_engines(records, failures)
    if table is None:
        return []
    return [("case", "native ms", *table.engines), *((case, native, *cells) for case, native, cells in table.rows)]


def render_html(records: Sequence[Record], failures: Mapping[tuple[str, str], str]) -> str:
    """Render one page that needs nothing else."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in _HEADER)
    body = _html_rows(table_rows(records))
    by_engine = ""
    if rows := _engine_rows(records, failures):
        by_engine = (
            f'<h2>By engine</h2>\n<p>{_ENGINES}</p>\n<table class="engines"><thead>{_html_rows(rows[:1], "th")}</thead>'
            f"<tbody>\n{_html_rows(rows[1:])}</tbody></table>\n"
        )
    style = (
        "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em}"
        "table{border-collapse:collapse}td,th{padding:.3em .8em;border-bottom:1px solid #ddd;text-align:left}"
        "td:nth-child(3),td:nth-child(4),td:nth-child(6),.engines :is(td,th):nth-child(n+2)"
        "{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>formfunc</title>'
        f"<style>{style}</style></head><body>\n<h1>Speedup by form</h1>\n"
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table>\n{by_engine}"
        f"<p>{html.escape(_machine(records))}</p>\n</body></html>\n"
    )


def _html_rows(rows: Sequence[Sequence[str]], kind: str = "td") -> str:
    return "".join(
        "<tr>" + "".join(f"<{kind}>{html.escape(cell)}</{kind}>" for cell in row) + "</tr>\n" for row in rows
    )


def render_csv(records: Sequence[Record]) -> str:
    """Render the table's texts for a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_HEADER)
    writer.writerows(table_rows(records))
    return out.getvalue()


def render_json(records: Sequence[Record]) -> str:
    """Render every record in full."""
    return json.dumps([record.to_json() for record in records], indent=2) + "\n"


def _machine(records: Sequence[Record]) -> str:
    if not records:
        return "Nothing was measured."
    host = records[0].host
    versions = ", ".join(f"{name} {version}" for name, version in host["versions"].items())
    cache = f"{host['llc_bytes'] / 2**20:.0f} MiB last-level cache"
    return (
        f"Input {format_shape(records[0].input_shape)}, {records[0].threads} threads on {host['cpu']} "
        f"({', '.join(host['isa'])}; {host['cores']} cores, {cache}); {versions}."
    )
