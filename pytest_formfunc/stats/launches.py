"""A log ratio from several launches: the trimmed mean of each launch's rounds, and Student's t over their servers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_formfunc.stats.allocation import Scatter, scatter_of
from pytest_formfunc.stats.estimate import Estimate
from pytest_formfunc.stats.servers import estimate_over_servers, mean_over_servers
from pytest_formfunc.stats.student import Mean
from pytest_formfunc.stats.trimmed import trimmed_mean


@dataclass(frozen=True)
class LaunchMeans:
    """One log ratio for each launch.

    Attributes:
        logs: the log ratios.
        servers: the server that each launch was forked from.
        weights: weight of each launch, which depends on its number of rounds.
        scatter: the variances of launches and of their rounds.
    """

    logs: tuple[float, ...]
    servers: tuple[int, ...]
    weights: tuple[float, ...]
    scatter: Scatter

    @property
    def different_servers(self) -> int:
        """Return the number of servers."""
        return len(set(self.servers))

    def interval(self, alpha: float = 0.05) -> Estimate:
        """Return the ratio with its interval of coverage 1 - ``alpha``, from the scatter of these servers alone."""
        return estimate_over_servers(self.logs, self.servers, None, 1 - alpha, self.weights)

    def mean(self) -> Mean:
        """Return the weighted mean of the logs; there must be at least two servers."""
        return mean_over_servers(self.logs, self.servers, None, self.weights)


def launch_means(launches: Sequence[NDArray[np.float64]], servers: Sequence[int]) -> LaunchMeans:
    """Summarise each launch.

    Args:
        launches: the log ratios of each launch's paired rounds (`paired_log_ratios`).
        servers: the server that each launch was forked from.
    """
    scatter = scatter_of(launches)
    return LaunchMeans(
        tuple(float(trimmed_mean(rounds)) for rounds in launches),
        tuple(servers),
        tuple(scatter.weights([len(rounds) for rounds in launches])),
        scatter,
    )
