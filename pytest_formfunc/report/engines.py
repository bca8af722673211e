"""Forms by engines: where one run measured several, their speedups side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_formfunc.records import Record
from pytest_formfunc.report.figures import native_ms
from pytest_formfunc.stats import Estimate
from pytest_formfunc.stats.mean import geometric_mean
from pytest_formfunc.units import format_ratio

MEAN = "geometric mean"
FASTEST = "*"
FAILED = "failed"
_ABSENT = "-"


@dataclass(frozen=True)
class EnginesTable:
    """The texts of such a table.

    Attributes:
        engines: one a column, the greatest mean first.
        rows: case, native's latency in ms, and a text for each engine: its speedup and half the width of its 95%
            interval, ``*`` at the fastest; the last row has the means over the cases that all engines were measured
            with, where there are any.
    """

    engines: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[str, ...]], ...]


def tabulate_engines(records: Sequence[Record], failures: Mapping[tuple[str, str], str]) -> EnginesTable | None:
    """Return the table, its rows by their greatest speedup; None where fewer than two engines were measured.

    Args:
        records: of the run.
        failures: why a case was not measured on a backend, by both.
    """
    found: dict[str, dict[str, Estimate]] = {}
    native: dict[str, str] = {}
    for record in records:
        speedup = record.ranked_speedup
        if speedup is not None and math.isfinite(speedup.high):
            found.setdefault(record.case, {})[record.backend] = speedup
            native.setdefault(record.case, native_ms(record))
    engines = list(dict.fromkeys(engine for row in found.values() for engine in row))
    if len(engines) < 2:
        return None
    common = [row for row in found.values() if len(row) == len(engines)]
    means = {engine: geometric_mean([row[engine] for row in common]) for engine in engines} if common else {}
    engines.sort(key=lambda engine: -means[engine].value if means else 0.0)
    rows = []
    for case, row in sorted(found.items(), key=lambda item: -max(one.value for one in item[1].values())):
        best = max(row, key=lambda engine: row[engine].value)
        cells = [
            _cell(row[engine], fastest=engine == best)
            if engine in row
            else (FAILED if (case, engine) in failures else _ABSENT)
            for engine in engines
        ]
        rows.append((case, native.get(case, _ABSENT), tuple(cells)))
    if means:
        title = MEAN if len(common) == len(found) else f"{MEAN} of {len(common)}"
        rows.append((title, "", tuple(_cell(means[engine]) for engine in engines)))
    return EnginesTable(tuple(engines), tuple(rows))


def _cell(speedup: Estimate, *, fastest: bool = False) -> str:
    return f"{format_ratio(speedup.value)} ±{speedup.half_width:.0%}{FASTEST if fastest else ''}"


def fit_engines(table: EnginesTable, columns: int) -> Iterator[str]:
    """Render the table as text, in as many parts as the columns of a terminal ask for."""
    title = "case, native ms"
    width = min(max(len(case) for case, _, _ in table.rows), columns // 3)
    first = max(width + 1 + max(len(native) for _, native, _ in table.rows), len(title))
    texts = [*table.engines, *(cell for _, _, cells in table.rows for cell in cells)]
    each = 2 + max(map(len, texts))
    at_once = max(1, (columns - first) // each)
    for start in range(0, len(table.engines), at_once):
        part = slice(start, start + at_once)
        yield f"{title:{first}}" + "".join(f"{engine:>{each}}" for engine in table.engines[part])
        for case, native, cells in table.rows:
            figures = f"{native:>{first - width - 1}}" + "".join(f"{cell:>{each}}" for cell in cells[part])
            yield from with_name(case, width, figures)


def with_name(name: str, width: int, figures: str) -> Iterator[str]:
    """Render a row that begins with a name, which has a line of its own if it is wider: nothing is cut off.

    >>> list(with_name("plain", 6, "1.0")), list(with_name("residual", 6, "1.0"))
    (['plain  1.0'], ['residual', '       1.0'])
    """
    if len(name) > width:
        yield name
        name = ""
    yield f"{name:{width}} {figures}"
