"""Where a second of measuring tells most: how many rounds a launch should have, and what a launch's mean is worth.

A launch costs its loading whatever it measures, and its mean scatters by what the launch itself does to the numbers
and by its rounds' scatter over the root of their number. Kalibera and Jones, "Rigorous benchmarking in reasonable
time" (ISMM 2013), section 8, give the number of rounds that makes the grand mean surest in a given time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

import numpy as np
from numpy.typing import NDArray

from pytest_formfunc.stats.trimmed import trimmed_mean, trimmed_variance

# Few launches hardly show how much they differ; that they differ at all by so much is taken for granted.
LEAST_LAUNCH_SD = 0.01


@dataclass(frozen=True)
class Scatter:
    """Variances of a log ratio: of ``rounds`` within a launch, and of ``launches`` beyond what their rounds explain."""

    rounds: float
    launches: float

    def best_rounds(self, load_s: float, round_s: float) -> float:
        """Return the rounds a launch that make the mean surest in a given time, for a load and a round so long.

        >>> round(Scatter(rounds=0.12**2, launches=0.02**2).best_rounds(load_s=0.36, round_s=0.04), 3)
        18.0
        """
        return math.sqrt(load_s / max(round_s, 1e-9) * self.rounds / self.launches)

    def weights(self, counts: Sequence[int]) -> list[float]:
        """Return what launches of so many rounds each are worth: the inverse of their means' variances.

        >>> Scatter(rounds=0.5, launches=0.125).weights([2, 4])
        [2.6666666666666665, 4.0]
        """
        return [1 / (self.launches + self.rounds / count) for count in counts]


def scatter_of(launches: Sequence[NDArray[np.float64]]) -> Scatter:
    """Estimate what scatters from each launch's log ratios of rounds, as far as their trimmed means show it."""
    within = [trimmed_variance(rounds) for rounds in launches if len(rounds) > 1]
    of_rounds = fmean(within) if within else 0.0
    between = 0.0
    if len(launches) > 1:
        explained = of_rounds * fmean(1 / len(rounds) for rounds in launches)
        between = variance([float(trimmed_mean(rounds)) for rounds in launches]) - explained
    return Scatter(of_rounds, max(between, LEAST_LAUNCH_SD**2))
