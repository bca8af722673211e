"""How to spend measuring time: how many rounds a launch should have, and which weight its mean should get.

Loading a launch takes time however many rounds it has. The variance of its mean is the variance between launches plus
the variance of its rounds over their number. Kalibera and Jones, "Rigorous benchmarking in reasonable time" (ISMM
2013), give the number of rounds that makes the mean over all launches most precise in a given time.
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

# Lower bound: a few launches hardly show how much launches differ, so at least this much is assumed.
LEAST_LAUNCH_SD = 0.01
_PLANNING_LEVEL = 0.001  # about the error probability that one look has in a run of a few comparisons
_POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Scatter:
    """Variances of a log ratio.

    Attributes:
        rounds: of the rounds within a launch.
        launches: of the launches' means, beyond what the scatter of their rounds explains.
        launches_at_least: lower bound of ``launches`` (90%). Planning uses it, because assuming too large a variance
            costs more than assuming too small a one: launches then have too few rounds, which makes their means
            imprecise, whereas too many rounds only take a little more time.
    """

    rounds: float
    launches: float
    launches_at_least: float

    def best_rounds(
        self, load_s: float, round_s: float, time_s: float, least: int, most: int, alpha: float = _PLANNING_LEVEL
    ) -> int:
        """Return the number of rounds a launch, from ``least`` to ``most``, with the narrowest expected t interval.

        If degrees of freedom did not matter, it would be the root of ``load / round * rounds / launches`` (Kalibera &
        Jones, where the last two are variances). But few launches give a t interval with few degrees of freedom,
        which is wide; so if time is short, more launches of fewer rounds are better.

        Args:
            load_s: seconds to load a launch.
            round_s: seconds for one round.
            time_s: seconds for all launches together.
            least: fewest rounds of a launch.
            most: most rounds of a launch.
            alpha: the probability with which the interval that is planned for misses the truth.

        >>> scatter = Scatter(0.12**2, 0.03**2, launches_at_least=0.02**2)
        >>> scatter.best_rounds(0.36, 0.04, 1e6, 1, 99), scatter.best_rounds(0.36, 0.04, 10, 1, 99)
        (18, 9)
        """

        def width(rounds: int) -> float:
            launches = time_s / (load_s + rounds * round_s)
            error = math.sqrt((self.launches_at_least + self.rounds / rounds) / launches)
            return t_quantile(alpha, max(launches - 1, 1)) * error

        return min(range(least, most + 1), key=width)

    def weights(self, counts: Sequence[int]) -> list[float]:
        """Return weights for launches with these numbers of rounds.

        Weights inverse to the variances of the launches' means make the weighted mean most precise. But where a few
        launches get most of the weight, few degrees of freedom are left to estimate that precision. So the weights are
        a power of the inverse variances, between 0 and 1, chosen for the narrowest expected t interval.

        >>> Scatter(0.04, 0.01, 0.01).weights([6, 6, 6])
        [1.0, 1.0, 1.0]
        """
        variances = [self.launches + self.rounds / count for count in counts]
        if len(set(counts)) == 1:
            return [1.0] * len(counts)
        candidates = [[variance**-power for variance in variances] for power in _POWERS]
        return min(candidates, key=lambda weights: _promised(weights, variances))


def _promised(weights: Sequence[float], variances: Sequence[float]) -> float:
    """Return the expected half-width of the 95% interval of a weighted mean of values with these variances."""
    total = fsum(weights)
    df = total**2 / fsum(weight**2 for weight in weights) - 1
    error = math.sqrt(fsum(weight**2 * one for weight, one in zip(weights, variances, strict=True))) / total
    return t_quantile(0.05, df) * error


def scatter_of(launches: Sequence[NDArray[np.float64]]) -> Scatter:
    """Estimate the variances between rounds and between launches, as trimmed means show them.

    A launch of few rounds says little about either variance, so launches are weighted by their numbers of rounds. For
    the variance between launches this is DerSimonian and Laird's moment estimator (Controlled Clinical Trials 7, 1986).

    Args:
        launches: for each launch, the log ratios of its rounds.
    """
    several = [rounds for rounds in launches if len(rounds) > 1]
    free = sum(len(rounds) - 1 for rounds in several)
    of_rounds = fsum((len(rounds) - 1) * float(trimmed_variance(rounds)) for rounds in several) / max(free, 1)
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
    """Return the 90% quantile of chi-square divided by its degrees of freedom (Wilson & Hilferty, PNAS 17, 1931)."""
    return (1 - 2 / (9 * df) + z * math.sqrt(2 / (9 * df))) ** 3
