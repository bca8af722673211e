"""Judge a floor of the speedup and a ceiling of the latency, by the interval that the row prints."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pytest_formfunc.records import Record
from pytest_formfunc.records.parts import MET, MISSED, NOT_SHOWN, Limit
from pytest_formfunc.stats import Estimate
from pytest_formfunc.units import format_estimate, format_ms, format_ratio


def judge_limits(record: Record, min_speedup: float | None, max_latency_s: float | None) -> Iterator[Limit]:
    """Yield the outcome of each limit that was given.

    A limit is met if the whole 95% interval keeps it, missed if none of the interval does, and not shown otherwise.

    Args:
        record: the record of the test's own backend.
        min_speedup: floor of the speedup; native has none to judge.
        max_latency_s: ceiling of the latency in seconds.
    """
    if min_speedup is not None and not record.native:
        yield _judge(record, "min_speedup", min_speedup)
    if max_latency_s is not None:
        yield _judge(record, "max_latency", max_latency_s)


def _judge(record: Record, name: str, limit: float) -> Limit:
    floor = name == "min_speedup"
    estimate = record.ranked_speedup if floor else record.typical_s
    shown = format_ratio(limit) if floor else f"{format_ms(limit)} ms"
    if record.noise.contended or estimate is None or not math.isfinite(estimate.high):
        failed = floor and record.speedup is not None and estimate is None
        few = "with memory kept it failed" if failed else "its launches are too few for an interval"
        why = record.noise.cause or few
        return Limit(name, limit, NOT_SHOWN, f"{record.title}: its {name} of {shown} is not shown, because {why}")
    holds = estimate.low >= limit if floor else estimate.high <= limit
    fails = estimate.high < limit if floor else estimate.low > limit
    has = f"has a speedup of {format_estimate(estimate)}" if floor else f"takes {_milliseconds(estimate)}"
    if holds:
        return Limit(name, limit, MET, f"{record.title} {has}, within its {name} of {shown}")
    if fails:
        side = "below" if floor else "above"
        return Limit(name, limit, MISSED, f"{record.title} {has}, {side} the {name} of {shown}")
    return Limit(name, limit, NOT_SHOWN, f"{record.title} {has}, which does not show that its {name} of {shown} is met")


def _milliseconds(latency: Estimate) -> str:
    return f"{format_ms(latency.value)} ms ({format_ms(latency.low)} to {format_ms(latency.high)})"
