"""What launches say of a log ratio: each its trimmed mean of rounds, and Student's t over them."""

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
    """One log ratio a launch.

    Attributes:
        logs: each launch's.
        weights: what each is worth, by its number of rounds.
        scatter: what launches and their rounds scatter by.
    """

    logs: tuple[float, ...]
    weights: tuple[float, ...]
    scatter: Scatter

    def interval(self, alpha: float = 0.05) -> Estimate:
        """Return the ratio with the interval of chance 1 - ``alpha``."""
        return ratio_estimate(self.logs, 1 - alpha, self.weights)

    def mean(self) -> Mean:
        """Return the mean of the logs; of two launches at least."""
        return weighted_mean(self.logs, self.weights)


def launch_means(launches: Sequence[NDArray[np.float64]]) -> LaunchMeans:
    """Take each launch's log ratios of paired rounds (`paired_log_ratios`)."""
    scatter = scatter_of(launches)
    return LaunchMeans(
        tuple(float(trimmed_mean(rounds)) for rounds in launches),
        tuple(scatter.weights([len(rounds) for rounds in launches])),
        scatter,
    )
