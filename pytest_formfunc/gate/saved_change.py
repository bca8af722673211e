"""Compare a speedup with a saved one: is the change real, and is it big enough?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from pytest_formfunc.gate.decision import VERBS, smallest_seen
from pytest_formfunc.gate.explain import graph_change
from pytest_formfunc.gate.history import PRIOR_RUNS, RunNoise, learn_noise
from pytest_formfunc.host import differences, version_changes
from pytest_formfunc.records import BaselineRecord, Record, Samples
from pytest_formfunc.stats import Estimate
from pytest_formfunc.stats.bootstrap import log_ratio, log_ratio_draws
from pytest_formfunc.stats.student import log_interval, t_quantile
from pytest_formfunc.units import format_estimate, format_ms, format_percent

# Difference in the time that each of native's threads waits for a core, as a fraction of wall time, from which two
# runs are not alike any more. Quiet runs differ by a hundredth, a neighbour that has one of two cores makes tenths.
MOST_WAITING = 0.05
# How much of a change such a difference may explain: a neighbour that made native's threads wait 20% of the time slowed
# OpenVINO by 1.75, so waiting is taken to explain up to ten times its share (there 3.0).
EXPLAINED_PER_WAITING = 10

Pair = tuple[Samples, Samples]  # native, accelerated


@dataclass(frozen=True)
class Change:
    """Speedup now over speedup then.

    Attributes:
        log: its logarithm.
        variance: of that.
        df: degrees of freedom of that.
        noise: how the case moves from run to run.
        launches: of this run or of the newest saved one, whichever has fewer.
    """

    log: float
    variance: float
    df: float
    noise: RunNoise
    launches: int

    @property
    def enough(self) -> bool:
        """Return whether both runs show how launches differ."""
        return self.launches >= 2

    @property
    def estimate(self) -> Estimate:
        """Return the change with its 95% interval."""
        return self.interval(0.05)

    def interval(self, alpha: float) -> Estimate:
        """Return the change with the interval of chance 1 - ``alpha``."""
        reach = t_quantile(alpha, self.df) * math.sqrt(self.variance)
        return log_interval(self.log, reach, 1 - alpha, self.launches)

    def smallest_seen(self, alpha: float, power: float = 0.8) -> float:
        """Return the loss, as a fraction, that this comparison would have shown with a chance of ``power``."""
        critical = t_quantile(alpha, self.df)
        return smallest_seen(math.sqrt(self.variance), critical, self.df, NormalDist().inv_cdf(power))


def measure_change(now: Pair, then: Sequence[Pair], history: Sequence[Pair] = ()) -> Change:
    """Estimate speedup now / speedup then.

    The variance of the log change is that of this run and that of the mean of the saved runs. A run's has two parts:
    what its launches show (bootstrap: launches, then rounds), which more launches make smaller, and what moves from run
    to run beyond that, for which nothing but the prior and the history speaks. Where the history is calmer than its
    launches let fear, they are believed that much less.

    Args:
        now: native and accelerated samples of this run.
        then: the same of the saved runs that it is compared with, the newest one last.
        history: the same of all saved runs of this case on this machine, oldest first.
    """
    logs = [log_ratio(over.median, under.median) for over, under in then]
    saved = [_within(*pair) for pair in then]
    typical = sum(saved) / len(saved)
    noise = learn_noise([log_ratio(over.median, under.median) for over, under in history], typical)
    between = max(noise.variance - typical, 0.0)
    believed = min(1.0, noise.variance / typical) if typical else 1.0
    parts = [
        # A difference of neighbours tells two thirds of what a run apart would (von Neumann et al., as above).
        (between * (1 + 1 / len(then)), PRIOR_RUNS + noise.steps * 2 / 3),
        (believed * _within(*now), max(_launches(now) - 1, 1)),
        *(
            (believed * within / len(then) ** 2, max(_launches(pair) - 1, 1))
            for within, pair in zip(saved, then, strict=True)
        ),
    ]
    variance = sum(part for part, _ in parts)
    # Welch and Satterthwaite (Biometrics Bulletin 2, 1946): what is known well makes up for what is not.
    df = variance**2 / sum(part**2 / df for part, df in parts)
    return Change(
        log=log_ratio(now[0].median, now[1].median) - sum(logs) / len(logs),
        variance=variance,
        df=df,
        noise=noise,
        launches=min(_launches(now), _launches(then[-1])),
    )


def _within(over: Samples, under: Samples) -> float:
    return float(np.var(log_ratio_draws(over.median, under.median)))


def _launches(pair: Pair) -> int:
    return len(pair[0].median)


def why_not_comparable(now: Record | BaselineRecord, then: BaselineRecord) -> str | None:
    """Return one clause that says why two records must not be compared, or None."""
    if now.fingerprint != then.fingerprint:
        changed = "; ".join(differences(then.host, now.host)) or "its fingerprint differs"
        return f"the baseline is from another machine ({changed})"
    for what in ("threads", "input_shape", "seed", "precision", "native_engine"):
        old, new = getattr(then, what), getattr(now, what)
        if old != new:
            return f"{what.replace('_', ' ')} was {old}, is {new}"
    return None


def why_not_timed(then: BaselineRecord) -> str | None:
    """Return one clause that says why a saved record cannot be compared by its speedup, or None."""
    if then.native_samples is None or then.speedup is None:
        return "the baseline has no speedup for it"
    if then.launches < 2:
        return "the baseline called it only once (a graph-only gate, or --benchmark-disable)"
    return None


def why_contended(now: Record | BaselineRecord, then: Sequence[BaselineRecord], change: Change) -> str | None:
    """Return one clause where other work was beside one of the two runs and not beside the other, or None.

    It hits engines differently (one whose threads share a call evenly waits for the slowest), so it is no noise that
    rounds in turn take out. Native tells, which took turns: the accelerated engine's own threads may wait for each
    other, and more so where a change has slowed one of them.
    """
    known = [(one.native_run_delay_fraction, one.threads) for one in then]
    saved = [delay / threads for delay, threads in known if delay is not None]  # absent in runs of a first version
    if now.native_run_delay_fraction is None or not saved:
        return None
    before, waited = sum(saved) / len(saved), now.native_run_delay_fraction / now.threads
    difference = abs(waited - before)
    if difference <= MOST_WAITING or abs(change.log) > math.log1p(EXPLAINED_PER_WAITING * difference):
        return None
    return (
        f"native's threads each waited for a core {waited:.0%} of the time and {before:.0%} then, "
        "so other work on the machine may explain it: measure again, or side by side"
    )


def pair_of(record: Record | BaselineRecord) -> Pair:
    """Return a record's native and accelerated samples."""
    assert record.native_samples is not None
    return record.native_samples, record.samples


def describe_verdict(
    now: Record | BaselineRecord, then: BaselineRecord, change: Change, threshold: float, status: str, smallest: float
) -> str:
    """Return the verdict's sentence."""
    assert now.speedup is not None
    assert then.speedup is not None
    verb = VERBS[status]
    text = (
        f"{now.case} on {now.backend} {verb}: {format_estimate(then.speedup)} then, "
        f"{format_estimate(now.speedup)} now, a change of {format_estimate(change.estimate)} "
        f"(threshold {format_percent(threshold)}); {_sides(now, then)}"
    )
    if smallest > threshold and status in ("unchanged", "inconclusive"):
        learnt = (
            f"learnt from {change.noise.steps + 1} runs"
            if change.noise.steps > 1
            else "assumed, for few runs are saved"
        )
        text += (
            f"; a threshold of {format_percent(threshold)} is finer than saved runs can judge here: the smallest "
            f"loss seen would be {smallest:.0%} ({learnt})"
        )
    clauses = version_changes(then.host, now.host)
    if status in ("regressed", "inconclusive"):
        clauses += graph_change(then.graph, now.graph)
    return text + (f"; {'; '.join(clauses)}" if clauses else "")


def _sides(now: Record | BaselineRecord, then: BaselineRecord) -> str:
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
