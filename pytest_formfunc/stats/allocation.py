"""Where a second of measuring tells most: how many rounds a launch should have, and what a launch's mean is worth.

A launch costs its loading whatever it measures, and its mean scatters by what the launch itself does to the numbers
and by its rounds' scatter over the root of their number. Kalibera and Jones, "Rigorous benchmarking in reasonable
time" (ISMM 2013), give the number of rounds that makes the grand mean surest in a given time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
from numpy.typing import NDArray

from pytest_formfunc.stats.student import t_quantile
from pytest_formfunc.stats.trimmed import trimmed_mean, trimmed_variance

# Few launches hardly show how much they differ; that they differ at all by so much is taken for granted.
LEAST_LAUNCH_SD = 0.01
_PLANNING_LEVEL = 0.001  # about that of a look in a run of a few comparisons
_POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Scatter:
    """Variances of a log ratio.

    Attributes:
        rounds: within a launch.
        launches: beyond what their rounds explain.
        launches_at_least: what those surely have (90%). Launches that are thought to differ more than they do cost
            more than the contrary: their few rounds say little, and many rounds are only a little late.
    """

    rounds: float
    launches: float
    launches_at_least: float

    def best_rounds(self, load_s: float, round_s: float, time_s: float, least: int, most: int) -> int:
        """Return the rounds a launch, of the least to the most, that promise the narrowest t interval.

        Without regard to the degrees of freedom that would be the root of ``load / round * rounds / launches``
        (Kalibera & Jones); launches that are too few to tell how much they differ make a wide interval, though, so
        short of time they are shorter and more.

        Args:
            load_s: seconds to load a launch.
            round_s: seconds a round.
            time_s: seconds for all launches together.
            least: rounds a launch has at least.
            most: rounds it has at most.

        >>> scatter = Scatter(0.12**2, 0.03**2, launches_at_least=0.02**2)
        >>> scatter.best_rounds(0.36, 0.04, 1e6, 1, 99), scatter.best_rounds(0.36, 0.04, 10, 1, 99)
        (18, 9)
        """

        def width(rounds: int) -> float:
            launches = time_s / (load_s + rounds * round_s)
            error = math.sqrt((self.launches_at_least + self.rounds / rounds) / launches)
            return t_quantile(_PLANNING_LEVEL, max(launches - 1, 1)) * error

        return min(range(least, most + 1), key=width)

    def weights(self, counts: Sequence[int]) -> list[float]:
        """Return what launches of so many rounds each should count beside each other.

        The inverse of their means' variances makes the mean surest, but where few launches have most of the weight,
        little is known of how sure that is. So it is that power of the inverse, between none and the first, which
        promises the narrowest t interval.

        >>> Scatter(0.04, 0.01, 0.01).weights([6, 6, 6])
        [1.0, 1.0, 1.0]
        """
        variances = [self.launches + self.rounds / count for count in counts]
        if len(set(counts)) == 1:
            return [1.0] * len(counts)
        candidates = [[variance**-power for variance in variances] for power in _POWERS]
        return min(candidates, key=lambda weights: _promised(weights, variances))


def _promised(weights: Sequence[float], variances: Sequence[float]) -> float:
    """Return the half-width of the 95% interval of a weighted mean, where the values have these variances."""
    total = fsum(weights)
    df = total**2 / fsum(weight**2 for weight in weights) - 1
    error = math.sqrt(fsum(weight**2 * one for weight, one in zip(weights, variances, strict=True))) / total
    return t_quantile(0.05, df) * error


def scatter_of(launches: Sequence[NDArray[np.float64]]) -> Scatter:
    """Estimate what scatters from each launch's log ratios of rounds, as far as their trimmed means show it.

    A launch of few rounds says little of either variance, so each counts by its rounds. For the launches' that is
    DerSimonian and Laird's moment estimator (Controlled Clinical Trials 7, 1986).
    """
    several = [rounds for rounds in launches if len(rounds) > 1]
    free = sum(len(rounds) - 1 for rounds in several)
    of_rounds = fsum((len(rounds) - 1) * trimmed_variance(rounds) for rounds in several) / max(free, 1)
    beyond = surely = 0.0
    if len(launches) > 1:
        counts = np.array([len(rounds) for rounds in launches], dtype=float)
        means = np.array([float(trimmed_mean(rounds)) for rounds in launches])
        total = float(counts.sum())
        grand = float(counts @ means) / total
        seen = float(counts @ (means - grand) ** 2)
        explained = of_rounds * (len(launches) - 1)
        worth = total - float(counts @ counts) / total
        beyond = (seen - explained) / worth
        surely = (seen / _chi_square_share(len(launches) - 1) - explained) / worth
    least = LEAST_LAUNCH_SD**2
    return Scatter(of_rounds, max(beyond, least), max(surely, least))


def _chi_square_share(df: int, z: float = 1.2816) -> float:
    """Return the quantile (of 90%) of chi-square over its degrees of freedom (Wilson & Hilferty, PNAS 17, 1931)."""
    return (1 - 2 / (9 * df) + z * math.sqrt(2 / (9 * df))) ** 3
