"""Estimate how much a speedup changed since saved runs, with the uncertainty of that change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from pytest_formfunc.gate.decision import smallest_seen
from pytest_formfunc.gate.history import PRIOR_RUNS, RunNoise, learn_noise
from pytest_formfunc.records import Record, Samples
from pytest_formfunc.stats import Estimate
from pytest_formfunc.stats.bootstrap import log_ratio, log_ratio_draws
from pytest_formfunc.stats.student import log_interval, t_quantile

Pair = tuple[Samples, Samples]  # native, accelerated


@dataclass(frozen=True)
class Change:
    """Speedup in this run / speedup in the saved runs.

    Attributes:
        log: logarithm of the ratio.
        variance: variance of ``log``.
        df: degrees of freedom of ``variance``.
        noise: how much the case varies from run to run.
        launches: number of launches of this run or of the newest saved run, whichever has fewer.
    """

    log: float
    variance: float
    df: float
    noise: RunNoise
    launches: int

    @property
    def enough(self) -> bool:
        """Return whether both runs have enough launches to show how launches differ."""
        return self.launches >= 2

    @property
    def estimate(self) -> Estimate:
        """Return the change with its 95% interval."""
        return self.interval(0.05)

    def interval(self, alpha: float) -> Estimate:
        """Return the change with its interval of coverage 1 - ``alpha``."""
        reach = t_quantile(alpha, self.df) * math.sqrt(self.variance)
        return log_interval(self.log, reach, 1 - alpha, self.launches)

    def smallest_seen(self, alpha: float, power: float = 0.8) -> float:
        """Return the smallest loss, as a fraction, that this comparison detects with probability ``power``."""
        critical = t_quantile(alpha, self.df)
        return smallest_seen(math.sqrt(self.variance), critical, self.df, NormalDist().inv_cdf(power))


def measure_change(now: Pair, then: Sequence[Pair], history: Sequence[Pair] = ()) -> Change:
    """Estimate speedup in this run / speedup in the saved runs.

    The variance of the log change is the variance of this run plus that of the mean of the saved runs. The variance of
    a run has two parts. The first is what its launches show (by the bootstrap: launches, then rounds); more launches
    make it smaller. The second is the variation from run to run beyond that, which only the prior and the history
    can show. If the history varies less than the launches of its runs suggest, the first part is scaled down to it.

    Args:
        now: native and accelerated samples of this run.
        then: the same for the saved runs that it is compared with, the newest last.
        history: the same for all saved runs of this case on this machine, oldest first.
    """
    logs = [log_ratio(over.median, under.median) for over, under in then]
    saved = [_within(*pair) for pair in then]
    typical = sum(saved) / len(saved)
    noise = learn_noise([log_ratio(over.median, under.median) for over, under in history], typical)
    between = max(noise.variance - typical, 0.0)
    believed = min(1.0, noise.variance / typical) if typical else 1.0
    parts = [
        # A difference of successive runs is worth two thirds of an independent run (von Neumann et al.; `learn_noise`).
        (between * (1 + 1 / len(then)), PRIOR_RUNS + noise.steps * 2 / 3),
        (believed * _within(*now), max(_launches(now) - 1, 1)),
        *(
            (believed * within / len(then) ** 2, max(_launches(pair) - 1, 1))
            for within, pair in zip(saved, then, strict=True)
        ),
    ]
    variance = sum(part for part, _ in parts)
    # Welch and Satterthwaite (Biometrics Bulletin 2, 1946): each part counts by its share of the variance.
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


def pair_of(record: Record) -> Pair:
    """Return the native and accelerated samples of a record."""
    assert record.native_samples is not None
    return record.native_samples, record.samples
