"""Estimate how much a speedup changed since saved runs, with the uncertainty of that change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist, fmean

from pytest_formfunc.gate.decision import smallest_seen
from pytest_formfunc.gate.history import BackTests, back_test
from pytest_formfunc.gate.scale import STATED, Level, RunNoise, noise_of
from pytest_formfunc.records import METHOD_DEFAULT, Record
from pytest_formfunc.records.parts import Samples
from pytest_formfunc.stats import Estimate
from pytest_formfunc.stats.pairs import launch_logs
from pytest_formfunc.stats.servers import DEFAULT_SD, KEPT_SD, mean_over_servers
from pytest_formfunc.stats.student import Mean, log_interval, t_quantile


@dataclass(frozen=True)
class Pair:
    """The rounds of a ranked speedup.

    Attributes:
        native: native's.
        accelerated: those of the accelerated side, from the same rounds.
        servers: the server that each launch was forked from.
        prior_sd: the scale that moderates the scatter of few servers.
        libraries: names the versions of its libraries.
    """

    native: Samples
    accelerated: Samples
    servers: tuple[int, ...]
    prior_sd: float = KEPT_SD
    libraries: str = ""

    @property
    def different_servers(self) -> int:
        """Return the number of servers."""
        return len(set(self.servers))

    @cached_property
    def logs(self) -> list[float]:
        """Return the log speedup of each launch."""
        return launch_logs(self.native.median, self.accelerated.median)

    @cached_property
    def mean(self) -> Mean:
        """Return the log speedup over servers; it has no error if there is only one."""
        if self.different_servers < 2:
            return Mean(fmean(self.logs), 0.0, 1.0)
        return mean_over_servers(self.logs, self.servers, self.prior_sd)


@dataclass(frozen=True)
class Change:
    """Speedup in this run / speedup in the saved runs.

    Attributes:
        log: logarithm of the ratio.
        variance: variance of ``log``.
        df: degrees of freedom of ``variance``.
        noise: how much the case varies from run to run.
        within: the part of ``variance`` that the launches of this run show.
        servers: number of servers of this run or of the newest saved run, whichever has fewer.
    """

    log: float
    variance: float
    df: float
    noise: RunNoise
    within: float
    servers: int

    @property
    def enough(self) -> bool:
        """Return whether both runs have enough servers to show how servers differ."""
        return self.servers >= 2

    @property
    def estimate(self) -> Estimate:
        """Return the change with its 95% interval."""
        return self.interval(0.05)

    def interval(self, alpha: float) -> Estimate:
        """Return the change with its interval of coverage 1 - ``alpha``."""
        reach = t_quantile(alpha, self.df) * math.sqrt(self.variance)
        return log_interval(self.log, reach, 1 - alpha, self.servers)

    def narrowed(self, launches: float) -> float:
        """Return the variance with so many times the launches of this run, over the variance now.

        >>> Change(0.0, 0.003, 20.0, RunNoise(0.001, 20.0, 0, 0), 0.001, 6).narrowed(2.0)
        0.8333333333333334
        """
        return 1 - self.within / self.variance * (1 - 1 / launches) if self.variance else 1.0

    def smallest_seen(self, alpha: float, least: float = 0.0, power: float = 0.8) -> float:
        """Return the smallest loss, as a fraction, that this comparison finds with probability ``power``.

        Args:
            alpha: the test's level, both tails together.
            least: the measured loss that counts, as a log.
            power: the probability.
        """
        critical = t_quantile(alpha, self.df)
        return smallest_seen(math.sqrt(self.variance), critical, self.df, NormalDist().inv_cdf(power), least)


def measure_change(
    now: Pair, then: Sequence[Pair], history: Sequence[Pair] | BackTests = (), level: Level = STATED
) -> Change:
    """Estimate speedup in this run / speedup in the saved runs.

    The variance of the log change is the variance of this run plus that of the mean of the saved runs. The variance of
    a run has two parts. The first is what its servers show; more of them make it smaller. The second is the variation
    from run to run beyond that, which no launch of this run can make smaller (`scale.py`).

    Args:
        now: native and accelerated samples of this run.
        then: the same for the saved runs that it is compared with, the newest last.
        history: the same for all saved runs of this case on this machine, oldest first; or what they have shown.
        level: how much the runs of any case differ.
    """
    new, olds = now.mean, [pair.mean for pair in then]
    shown = history if isinstance(history, BackTests) else back_tests(history, len(then))
    noise = noise_of(level, shown)
    parts = [
        (noise.variance * (1 + 1 / len(then)), noise.df),
        (new.standard_error**2, new.df),
        *((old.standard_error**2 / len(then) ** 2, old.df) for old in olds),
    ]
    variance = sum(part for part, _ in parts)
    # Welch and Satterthwaite (Biometrics Bulletin 2, 1946): each part counts by its share of the variance.
    df = variance**2 / sum(part**2 / df for part, df in parts)
    return Change(
        log=new.value - fmean(old.value for old in olds),
        variance=variance,
        df=df,
        noise=noise,
        within=new.standard_error**2,
        servers=min(now.different_servers, then[-1].different_servers),
    )


def back_tests(history: Sequence[Pair], pooled: int) -> BackTests:
    """Return what the saved runs of a case, oldest first, show when each is compared with the ``pooled`` before it."""
    return back_test([pair.mean for pair in history], pooled, [pair.libraries for pair in history])


def pair_of(record: Record) -> Pair:
    """Return the rounds of a record's ranked speedup."""
    samples = record.ranked_samples
    assert samples is not None
    return Pair(
        *samples,
        record.server_of_launch,
        DEFAULT_SD if record.method == METHOD_DEFAULT else KEPT_SD,
        str(sorted(record.host.get("versions", {}).items())),
    )
