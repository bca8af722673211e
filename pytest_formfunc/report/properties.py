"""The figures of a row as properties of its test, which `--junitxml` writes beside it."""

from __future__ import annotations

import math

from pytest_formfunc.records import Record
from pytest_formfunc.report.figures import CONTENDED

PREFIX = "formfunc_"


def properties_of(record: Record) -> list[tuple[str, str]]:
    """Return names and values: numbers as ``float`` reads them, seconds for times."""
    found: dict[str, str | float] = {"case": record.case, "backend": record.backend}
    speedup = record.ranked_speedup
    if speedup is not None and math.isfinite(speedup.high):
        found |= {"speedup": speedup.value, "speedup_low": speedup.low, "speedup_high": speedup.high}
    if record.typical_s is not None and not record.noise.contended:
        found["latency_s"] = record.typical_s.value
    if record.noise.contended:
        found[CONTENDED] = record.noise.cause
    if record.verdict is not None:
        found["verdict"] = record.verdict.status
        if (change := record.verdict.change) is not None:
            found |= {"change": change.value, "change_low": change.low, "change_high": change.high}
    return [
        (PREFIX + name, f"{value:.6g}" if isinstance(value, float) else str(value)) for name, value in found.items()
    ]
