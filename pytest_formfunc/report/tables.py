"""The tables of a report as texts, whatever the file's format: one row a speedup, and forms by engines."""

from __future__ import annotations

from pytest_formfunc.report.engines import FASTEST, tabulate_engines
from pytest_formfunc.results import Results
from pytest_formfunc.units import format_claim, format_ms, format_shape

HEADER = ("case", "backend", "native ms", "accelerated ms", "speedup (95% interval)", "GMAC", "verdict")
ENGINES_TITLE = f"Speedup by engine, ± half of its 95% interval; {FASTEST} is a case's fastest."


def table_rows(results: Results) -> list[tuple[str, ...]]:
    """Return one row of texts for each accelerated record, the greatest speedup first."""
    records = results.records.values()
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


def engine_rows(results: Results) -> list[tuple[str, ...]]:
    """Return the table of forms by engines, its header first; nothing where there was one engine."""
    table = tabulate_engines([*results.records.values()], results.failures)
    if table is None:
        return []
    return [("case", "native ms", *table.engines), *((case, native, *cells) for case, native, cells in table.rows)]


def machine_line(results: Results) -> str:
    """Say what was measured on, with which versions."""
    records = [*results.records.values()]
    if not records:
        return "Nothing was measured."
    host = records[0].host
    versions = ", ".join(f"{name} {version}" for name, version in host["versions"].items())
    cache = f"{host['llc_bytes'] / 2**20:.0f} MiB last-level cache"
    return (
        f"Input {format_shape(records[0].input_shape)}, {records[0].threads} threads on {host['cpu']} "
        f"({', '.join(host['isa'])}; {host['cores']} cores, {cache}); {versions}."
    )
