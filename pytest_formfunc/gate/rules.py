"""Decide whether a test fails: by its verdict, a speedup below its floor, or a latency above its ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_formfunc.records import Record
from pytest_formfunc.records.parts import MISSED, NOT_SHOWN, Limit, Verdict


@dataclass(frozen=True)
class Rules:
    """What one test must satisfy.

    Attributes:
        fail_on: kinds of verdict that fail: ``loss``, ``gain``, ``no-gain``, ``inconclusive``.
        strict: whether the test also fails if it could not be compared or judged.
    """

    fail_on: tuple[str, ...]
    strict: bool = False


def why_failed(
    record: Record, verdict: Verdict | None, limits: Sequence[Limit], rules: Rules, *, timed: bool
) -> str | None:
    """Return the sentence that a test fails with, or None if it passes.

    Args:
        record: the record of the test's own backend.
        verdict: the verdict on it, or None if nothing was compared.
        limits: the outcomes of its floor and its ceiling.
        rules: what the test must satisfy.
        timed: whether speedup and latency were measured; they are not if each participant made only one call.
    """
    reason = _of_verdict(record.title, verdict, rules) if verdict is not None else None
    if reason is not None:
        return reason
    for limit in limits:
        if limit.outcome == MISSED:
            return limit.reason
        if limit.outcome == NOT_SHOWN and timed and "inconclusive" in rules.fail_on:
            return f"{limit.reason}; it fails on an inconclusive outcome"
        if not timed and rules.strict:
            return (
                f"{record.title}: its {limit.name} was not judged because nothing was timed, which --formfunc-strict "
                "does not pass"
            )
    return None


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
