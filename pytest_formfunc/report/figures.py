"""The figures of one row, the same in every report: two latencies that divide to the speedup, and its range."""

from __future__ import annotations

import math

from pytest_formfunc.records import Record
from pytest_formfunc.records.parts import ProcessRange
from pytest_formfunc.stats.pairs import typical_round
from pytest_formfunc.units import format_claim, format_ms

CONTENDED = "contended"
STOPPED_EARLY = "*"
STOPPED_EARLY_MEANS = f"{STOPPED_EARLY} stopped by the budget before it was as precise as asked"
NONE = "-"


def rank(record: Record) -> float:
    """Return what rows are sorted by: the greatest speedup comes first, and what claims none comes last."""
    return -record.ranked_speedup.value if record.ranked_speedup is not None else math.inf


def native_ms(record: Record) -> str:
    """Return native's typical latency that the record's speedup is over, in ms; a dash where none is claimed."""
    if record.native_typical_s is not None:
        return format_ms(record.native_typical_s)
    if record.noise.contended or record.native_samples is None:
        return NONE
    return format_ms(typical_round(record.native_samples.median, record.samples.median))


def own_ms(record: Record) -> str:
    """Return the record's own typical latency in ms; a dash where it would be that of other work on the machine."""
    if record.typical_s is not None:
        return format_ms(record.typical_s.value)
    if record.noise.contended:
        return NONE
    native = record.native_samples
    return format_ms(typical_round(record.samples.median, native.median if native is not None else None))


def speedup_text(record: Record) -> str:
    """Return the speedup that is ranked, with its interval and a mark where the budget ended it."""
    if record.noise.contended:
        return CONTENDED
    speedup = record.ranked_speedup
    if speedup is None:
        return NONE
    early = record.stopped in ("budget", "launches") and math.isfinite(speedup.high)
    return format_claim(speedup) + STOPPED_EARLY * early


def range_text(found: ProcessRange | None) -> str:
    """Return what single processes by default get: ``7.1 to 15x``; a dash where it is not known.

    >>> range_text(ProcessRange(7.06, 15.2, 6)), range_text(ProcessRange(0.981, 1.04, 6))
    ('7.1 to 15x', '0.98 to 1.0x')
    >>> range_text(ProcessRange(99.4, 99.6, 6))
    '99 to 100x'
    """
    if found is None or found.servers < 2:
        return NONE
    low, high = (f"{end:#.2g}".rstrip(".") if end < 99.5 else f"{end:.0f}" for end in (found.low, found.high))
    return f"{low} to {high}x"
