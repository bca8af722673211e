"""The tables of a report as texts, whatever the file's format: one row a speedup, and forms by engines."""

from __future__ import annotations

from pytest_formfunc.report.engines import FASTEST, tabulate_engines
from pytest_formfunc.report.figures import (
    CONTENDED,
    STOPPED_EARLY,
    STOPPED_EARLY_MEANS,
    native_ms,
    own_ms,
    range_text,
    rank,
    speedup_text,
)
from pytest_formfunc.results import Results
from pytest_formfunc.units import format_shape

HEADER = (
    "case", "backend", "native ms", "accelerated ms", "speedup, memory kept (95% interval)",
    "by default (single processes)", "GMAC", "verdict",
)  # fmt: skip
ENGINES_TITLE = f"Speedup by engine, ± half of its 95% interval; {FASTEST} is a case's fastest."


def table_rows(results: Results) -> list[tuple[str, ...]]:
    """Return one row of texts for each accelerated record, the greatest speedup first."""
    accelerated = [record for record in results.records.values() if not record.native]
    return [
        (
            record.case,
            record.backend,
            native_ms(record),
            own_ms(record),
            speedup_text(record),
            range_text(record.process_range),
            f"{record.cost.get('macs', 0) / 1e9:.3f}",
            record.verdict.status if record.verdict else "",
        )
        for record in sorted(accelerated, key=rank)
    ]


def engine_rows(results: Results) -> list[tuple[str, ...]]:
    """Return the table of forms by engines, its header first; nothing where there was one engine."""
    table = tabulate_engines([*results.records.values()], results.failures)
    if table is None:
        return []
    return [("case", "native ms", *table.engines), *((case, native, *cells) for case, native, cells in table.rows)]


def notes(results: Results) -> list[str]:
    """Return what the rows' marks mean, why rows have no speedup, and what was found to have lost one."""
    accelerated = [record for record in results.records.values() if not record.native]
    texts = [speedup_text(record) for record in accelerated]
    found = [f"{STOPPED_EARLY_MEANS}."] if any(text.endswith(STOPPED_EARLY) for text in texts) else []
    for cause in dict.fromkeys(record.noise.cause for record in accelerated if record.noise.contended):
        found.append(f"{CONTENDED}: no speedup is claimed, because {cause}.")
    if results.memory_note:
        found.append(f"Memory was not kept on either side, because {results.memory_note}: the speedups are by default.")
    return found + results.causes


def machine_line(results: Results) -> str:
    """Say what was measured on, with which versions."""
    records = [*results.records.values()]
    if not records:
        return "Nothing was measured."
    host = records[0].host
    versions = ", ".join(f"{name} {version}" for name, version in host.get("versions", {}).items())
    cache = f"{host.get('llc_bytes', 0) / 2**20:.0f} MiB last-level cache"
    return (
        f"Input {format_shape(records[0].input_shape)}, {records[0].threads} threads on {host.get('cpu', 'a CPU')} "
        f"({', '.join(host.get('isa', ()))}; {host.get('cores', 'unknown')} cores, {cache}); {versions}."
    )
