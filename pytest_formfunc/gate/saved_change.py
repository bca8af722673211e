"""How much a speedup changed since saved runs, and how sure that is."""

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


def pair_of(record: Record) -> Pair:
    """Return a record's native and accelerated samples."""
    assert record.native_samples is not None
    return record.native_samples, record.samples
