"""Estimate how much a speedup differs between two revisions that were measured in the same rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from pytest_formfunc.gate.decision import smallest_seen
from pytest_formfunc.stats import Estimate
from pytest_formfunc.stats.launches import LaunchMeans, launch_means
from pytest_formfunc.stats.pairs import Launches, paired_log_ratios
from pytest_formfunc.stats.student import t_quantile

_MIN_SERVERS = 3


@dataclass(frozen=True)
class PairedRounds:
    """Round medians of two revisions in seconds, one sequence for each launch, with launches and rounds in pairs.

    Attributes:
        accelerated: this revision's and the other's, from all launches that both took part in.
        servers: the server that each of these launches was forked from.
        all_four: native and accelerated here, native and accelerated there, from the launches that all four took part
            in.
        servers_of_four: the server that each of those launches was forked from.
        same_native: whether native runs the same program on both sides, so that its ratio is 1 by construction.
    """

    accelerated: tuple[Launches, Launches]
    servers: Sequence[int]
    all_four: tuple[Launches, Launches, Launches, Launches]
    servers_of_four: Sequence[int]
    same_native: bool


@dataclass(frozen=True)
class Change:
    """Speedup here / speedup there, and its parts; above 1 is faster here.

    Attributes:
        judged: the log change of each launch, which the verdict is based on.
        accelerated: accelerated latency there / here.
        native: native latency there / here.
    """

    judged: LaunchMeans
    accelerated: Estimate
    native: Estimate

    @property
    def estimate(self) -> Estimate:
        """Return the judged change with its 95% interval (Student's t over servers)."""
        return self.judged.interval()

    @property
    def enough(self) -> bool:
        """Return whether there are enough servers: an interval with one degree of freedom is only a guess."""
        return self.judged.different_servers >= _MIN_SERVERS

    def interval(self, alpha: float) -> Estimate:
        """Return the change with its interval of coverage 1 - ``alpha``."""
        return self.judged.interval(alpha)

    def smallest_seen(self, alpha: float, least: float = 0.0, power: float = 0.8) -> float:
        """Return the smallest loss, as a fraction, that so many launches find with probability ``power``.

        Args:
            alpha: the test's level, both tails together.
            least: the measured loss that counts, as a log.
            power: the probability.
        """
        if self.judged.different_servers < 2:
            return 1.0
        mean = self.judged.mean()
        critical = t_quantile(alpha, mean.df)
        return smallest_seen(mean.standard_error, critical, mean.df, NormalDist().inv_cdf(power), least)


def measure_change(rounds: PairedRounds) -> Change:
    """Estimate how much the speedup changed.

    If native runs the same program on both sides, its ratio is 1 and its measured ratio would only add noise: the
    change is then that of the accelerated latencies alone, from all their launches.
    """
    native_here, accelerated_here, native_there, accelerated_there = rounds.all_four
    double = [
        _common(here, there)
        for here, there in zip(
            paired_log_ratios(native_here, accelerated_here),
            paired_log_ratios(native_there, accelerated_there),
            strict=True,
        )
    ]
    here, there = rounds.accelerated
    accelerated = paired_log_ratios(there, here)
    native = paired_log_ratios(native_there, native_here)
    of_accelerated = launch_means(accelerated, rounds.servers)
    return Change(
        judged=of_accelerated if rounds.same_native else launch_means(double, rounds.servers_of_four),
        accelerated=of_accelerated.interval(),
        native=launch_means(native, rounds.servers_of_four).interval(),
    )


def _common(here: NDArray[np.float64], there: NDArray[np.float64]) -> NDArray[np.float64]:
    count = min(len(here), len(there))
    return here[:count] - there[:count]


def only_native_moved(change: Change, threshold: float) -> bool:
    """Return whether a speedup is lower only because native got faster, while the accelerated latency did not rise.

    The accelerated latency counts as not risen if its 95% interval includes no rise at all and excludes one of the
    threshold.
    """
    unharmed = change.accelerated.low > 1 - threshold and change.accelerated.high >= 1
    return unharmed and change.native.low > 1
