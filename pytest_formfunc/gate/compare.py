"""Compare a speedup with a saved one: is the change real, and is it big enough?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from pytest_formfunc.gate.explain import graph_change
from pytest_formfunc.host import differences, version_changes
from pytest_formfunc.records import BaselineRecord, Record, Samples, Verdict
from pytest_formfunc.stats import Estimate
from pytest_formfunc.stats.bootstrap import log_ratio, log_ratio_draws
from pytest_formfunc.units import format_estimate, format_ms, format_percent

# Between two runs a speedup moves by more than launches within a run show. This is the assumed standard
# deviation of the log speedup from run to run; bench/test_steadiness.py prints what a machine really does.
RUN_TO_RUN_SD = 0.025
# Chance of any red test in a whole run of unchanged code, shared out over its comparisons (Bonferroni).
FAMILY_ALPHA = 0.01


@dataclass(frozen=True)
class Change:
    """Speedup now over speedup then.

    Attributes:
        estimate: with a 95% interval, as it is shown.
        gate: with the stricter interval that decides.
    """

    estimate: Estimate
    gate: Estimate

    @property
    def real(self) -> bool:
        """Return whether the stricter interval excludes 1."""
        return self.gate.high < 1 or self.gate.low > 1

    def beyond(self, threshold: float) -> bool:
        """Return whether the point estimate lost, or gained as much as would undo, the threshold."""
        return abs(math.log(self.estimate.value)) >= -math.log1p(-threshold)


def measure_change(
    now: tuple[Samples, Samples],
    then: tuple[Samples, Samples],
    comparisons: int,
    run_sd: float = RUN_TO_RUN_SD,
) -> Change:
    """Estimate speedup now / speedup then.

    The variance of the log change is the sum of both runs' bootstrap variances (launches, then rounds) and twice the
    variance from run to run; the interval is the normal one.

    Args:
        now: native and accelerated samples of this run.
        then: the same of the baseline.
        comparisons: how many tests of this run are compared: they share `FAMILY_ALPHA`.
        run_sd: standard deviation of the log speedup from run to run.
    """
    native, accelerated = now
    native_then, accelerated_then = then
    log_change = log_ratio(native.median, accelerated.median) - log_ratio(native_then.median, accelerated_then.median)
    variance = 2 * run_sd**2
    for over, under in (now, then):
        variance += float(np.var(log_ratio_draws(over.median, under.median)))
    launches = min(len(native.median), len(native_then.median))

    def interval(level: float) -> Estimate:
        reach = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(variance)
        return Estimate(
            math.exp(log_change), math.exp(log_change - reach), math.exp(log_change + reach), level, launches
        )

    return Change(interval(0.95), interval(1 - FAMILY_ALPHA / max(1, comparisons)))


def why_not_comparable(now: Record, then: BaselineRecord) -> str | None:
    """Return one clause that says why two records must not be compared, or None."""
    if now.fingerprint != then.fingerprint:
        changed = "; ".join(differences(then.host, now.host)) or "its fingerprint differs"
        return f"the baseline is from another machine ({changed})"
    for what in ("threads", "input_shape", "seed", "precision"):
        old, new = getattr(then, what), getattr(now, what)
        if old != new:
            return f"{what.replace('_', ' ')} was {old}, is {new}"
    if then.native_samples is None or then.speedup is None:
        return "the baseline has no speedup for it"
    return None


def judge(now: Record, then: BaselineRecord, threshold: float, comparisons: int) -> Verdict:
    """Return the verdict on one accelerated record."""
    reason = why_not_comparable(now, then)
    if reason is not None:
        return Verdict("not comparable", threshold, None, reason)
    assert now.native_samples is not None
    assert then.native_samples is not None
    change = measure_change((now.native_samples, now.samples), (then.native_samples, then.samples), comparisons)
    status = decide(change, threshold)
    return Verdict(status, threshold, change.estimate, _sentence(now, then, change, threshold, status))


def decide(change: Change, threshold: float) -> str:
    """Return the status: two locks for a change, and no claim of none where a big one is possible.

    ``regressed`` and ``improved`` need both locks. ``unchanged`` means: less than the threshold was measured, and the
    interval rules out twice the threshold. All else is ``inconclusive``.
    """
    if change.beyond(threshold):
        if not change.real:
            return "inconclusive"
        return "regressed" if change.estimate.value < 1 else "improved"
    ruled_out = (1 - threshold) ** 2
    if change.estimate.low > ruled_out and change.estimate.high < 1 / ruled_out:
        return "unchanged"
    return "inconclusive"


def suspicious(change: Change, threshold: float) -> bool:
    """Return whether more launches should be spent: a loss that may be none, or none that may be a loss."""
    return decide(change, threshold) in ("regressed", "inconclusive")


def _sentence(now: Record, then: BaselineRecord, change: Change, threshold: float, status: str) -> str:
    assert now.speedup is not None
    assert then.speedup is not None
    verb = {
        "regressed": "lost speedup",
        "improved": "gained speedup",
        "unchanged": "kept its speedup",
        "inconclusive": "may have changed its speedup",
    }[status]
    text = (
        f"{now.case} on {now.backend} {verb}: {format_estimate(then.speedup)} then, "
        f"{format_estimate(now.speedup)} now, a change of {format_estimate(change.estimate)} "
        f"(threshold {format_percent(threshold)}); {_sides(now, then)}"
    )
    clauses = version_changes(then.host, now.host)
    if status in ("regressed", "inconclusive"):
        clauses += graph_change(then.graph, now.graph)
    return text + (f"; {'; '.join(clauses)}" if clauses else "")


def _sides(now: Record, then: BaselineRecord) -> str:
    """Say which side moved, in milliseconds of the median round."""
    assert now.native_samples is not None
    assert then.native_samples is not None
    moves = {}
    parts = []
    for side, new, old in (
        (now.backend, now.samples, then.samples),
        ("native", now.native_samples, then.native_samples),
    ):
        before, after = _typical(old), _typical(new)
        moves[side] = math.log(after / before)
        parts.append(f"{side} {format_ms(before)} -> {format_ms(after)} ms")
    accelerated, native = moves[now.backend], moves["native"]
    if abs(accelerated) >= abs(native):
        who = f"{now.backend} got {'slower' if accelerated > 0 else 'faster'}"
    else:
        who = f"native got {'slower' if native > 0 else 'faster'}"
    return f"{who} ({', '.join(parts)})"


def _typical(samples: Samples) -> float:
    return float(np.median([value for launch in samples.median for value in launch]))
