"""A log ratio from several launches: the trimmed mean of each launch's rounds, and Student's t over launches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_formfunc.stats.allocation import Scatter, scatter_of
from pytest_formfunc.stats.estimate import Estimate
from pytest_formfunc.stats.student import Mean, ratio_estimate, weighted_mean
from pytest_formfunc.stats.trimmed import trimmed_mean


@dataclass(frozen=True)
class LaunchMeans:
    """One log ratio for each launch.

    Attributes:
        logs: the log ratios.
        weights: weight of each launch, which depends on its number of rounds.
        scatter: the variances of launches and of their rounds.
    """

    logs: tuple[float, ...]
    weights: tuple[float, ...]
    scatter: Scatter

    def interval(self, alpha: float = 0.05) -> Estimate:
        """Return the ratio with its interval of coverage 1 - ``alpha``."""
        return ratio_estimate(self.logs, 1 - alpha, self.weights)

    def mean(self) -> Mean:
        """Return the weighted mean of the logs; there must be at least two launches."""
        return weighted_mean(self.logs, self.weights)


def launch_means(launches: Sequence[NDArray[np.float64]]) -> LaunchMeans:
    """Summarise each launch, given the log ratios of its paired rounds (`paired_log_ratios`)."""
    scatter = scatter_of(launches)
    return LaunchMeans(
        tuple(float(trimmed_mean(rounds)) for rounds in launches),
        tuple(scatter.weights([len(rounds) for rounds in launches])),
        scatter,
    )
