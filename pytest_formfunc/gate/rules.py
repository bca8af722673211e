"""Decide whether a test fails: by its verdict, a speedup below its floor, or a latency above its ceiling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median

from pytest_formfunc.records import Record, Verdict
from pytest_formfunc.stats.bootstrap import paired_log_ratios
from pytest_formfunc.stats.launches import launch_means
from pytest_formfunc.stats.student import ratio_estimate
from pytest_formfunc.units import format_estimate, format_ms, format_ratio


@dataclass(frozen=True)
class Rules:
    """What one test must satisfy.

    Attributes:
        fail_on: kinds of verdict that fail: ``loss``, ``gain``, ``no-gain``, ``inconclusive``.
        strict: whether the test also fails if it could not be compared or judged.
        min_speedup: floor of the speedup, or None.
        max_latency_s: ceiling of the latency in seconds, or None.
    """

    fail_on: tuple[str, ...]
    strict: bool = False
    min_speedup: float | None = None
    max_latency_s: float | None = None


def why_failed(record: Record, verdict: Verdict | None, rules: Rules, *, timed: bool) -> str | None:
    """Return the sentence that a test fails with, or None if it passes.

    Args:
        record: the record of the test's own backend.
        verdict: the verdict on it, or None if nothing was compared.
        rules: what the test must satisfy.
        timed: whether speedup and latency were measured; they are not if each participant made only one call.
    """
    reason = _of_verdict(record.title, verdict, rules) if verdict is not None else None
    if reason is not None:
        return reason
    if timed:
        return _below_floor(record, rules.min_speedup) or _above_ceiling(record, rules.max_latency_s)
    return _unjudged(record.title, rules) if rules.strict else None


def _of_verdict(title: str, verdict: Verdict, rules: Rules) -> str | None:
    status, fail_on = verdict.status, rules.fail_on
    if status == "regressed" and "loss" in fail_on:
        return verdict.reason
    if status == "improved" and "gain" in fail_on:
        return f"{verdict.reason}; it fails on a gain, because the baseline is stale: save a new one"
    if status in ("unchanged", "inconclusive", "regressed") and "no-gain" in fail_on:
        return f"{verdict.reason}; it fails without a gain"
    if status == "inconclusive" and "inconclusive" in fail_on:
        return f"{verdict.reason}; it fails on an inconclusive verdict"
    if rules.strict and status in ("new", "not comparable"):  # inconclusive does not fail: it may be noise
        return f"{title} is {status}, which --formfunc-strict does not pass: {verdict.reason}"
    return None


def _below_floor(record: Record, floor: float | None) -> str | None:
    """Return a sentence if the whole 95% interval of the speedup is below the floor."""
    if floor is None or record.native_samples is None:
        return None
    # The record's own interval is not used: with few launches a percentile bootstrap is too narrow to fail a test by.
    speedup = launch_means(paired_log_ratios(record.native_samples.median, record.samples.median)).interval()
    if speedup.high >= floor:
        return None
    return f"{record.title} has a speedup of {format_estimate(speedup)}, below the min_speedup of {format_ratio(floor)}"


def _above_ceiling(record: Record, ceiling_s: float | None) -> str | None:
    """Return a sentence if the whole 95% interval of the latency is above the ceiling."""
    if ceiling_s is None:
        return None
    latency = ratio_estimate([math.log(median(launch)) for launch in record.samples.median])
    if latency.low <= ceiling_s:
        return None
    return (
        f"{record.title} takes {format_ms(latency.value)} ms ({format_ms(latency.low)} to "
        f"{format_ms(latency.high)}), above the max_latency of {format_ms(ceiling_s)} ms"
    )


def _unjudged(title: str, rules: Rules) -> str | None:
    """Return a sentence if a floor or a ceiling was given but nothing was timed to judge it by."""
    for name, given in (("min_speedup", rules.min_speedup), ("max_latency", rules.max_latency_s)):
        if given is not None:
            return (
                f"{title}: its {name} was not judged because nothing was timed, which --formfunc-strict does not pass"
            )
    return None
