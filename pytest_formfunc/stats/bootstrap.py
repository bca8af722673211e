"""Hierarchical bootstrap of a log ratio: launches first, rounds within them second.

Processes differ from each other by more than rounds of one process do, so resampling pooled rounds gives
intervals that are far too narrow. Both levels are drawn with replacement (Davison & Hinkley, Bootstrap Methods and
their Application, 1997, section 3.8; Ren et al., "Nonparametric bootstrapping for hierarchical data", Journal of
Applied Statistics 37(9), 2010).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pytest_formfunc.stats.estimate import Estimate
from pytest_formfunc.stats.trimmed import trimmed_mean

Launches = Sequence[Sequence[float]]

DRAWS = 2000
_SEED = 20107144144  # any fixed number: the same samples always give the same interval


def log_ratio_draws(numerator: Launches, denominator: Launches, *, draws: int = DRAWS) -> NDArray[np.float64]:
    """Return bootstrap draws of the log of numerator / denominator.

    Round ``r`` of launch ``l`` was measured back to back on both sides, so the two are drawn as a pair: disturbances
    that hit both cancel. A launch is represented by the trimmed mean of its rounds' log ratios, and a draw by the mean
    over its launches.

    Args:
        numerator: seconds; one sequence of rounds for each launch.
        denominator: the same; where a launch has fewer rounds on one side, the other side's last rounds are left out.
        draws: number of draws.
    """
    launches = paired_log_ratios(numerator, denominator)
    generator = np.random.default_rng(_SEED)
    picked = generator.integers(0, len(launches), size=(draws, len(launches)))
    centers = np.empty((draws, len(launches)))
    for index, rounds in enumerate(launches):
        # Every draw resamples each launch's rounds afresh for each time that the launch is picked.
        rows, columns = np.nonzero(picked == index)
        if len(rows):
            resampled = generator.integers(0, len(rounds), size=(len(rows), len(rounds)))
            centers[rows, columns] = trimmed_mean(rounds[resampled])
    return np.asarray(centers.mean(axis=1))


def paired_log_ratios(numerator: Launches, denominator: Launches) -> list[NDArray[np.float64]]:
    """Return, for each launch, the log ratios of its rounds."""
    if len(numerator) != len(denominator) or not numerator:
        raise ValueError("both sides need the same number of launches, at least one")
    pairs = []
    for over, under in zip(numerator, denominator, strict=True):
        rounds = min(len(over), len(under))
        pairs.append(np.log(np.asarray(over[:rounds], dtype=float)) - np.log(np.asarray(under[:rounds], dtype=float)))
    return pairs


def log_ratio(numerator: Launches, denominator: Launches) -> float:
    """Return the point estimate: the mean over launches of the trimmed mean over rounds."""
    return float(np.mean([trimmed_mean(rounds) for rounds in paired_log_ratios(numerator, denominator)]))


def speedup_estimate(native: Launches, accelerated: Launches, *, level: float = 0.95) -> Estimate:
    """Estimate native latency / accelerated latency.

    A single launch says nothing about how processes differ: the interval then goes from 0 to infinity.

    Args:
        native: seconds; one sequence for each launch, with one number for each round.
        accelerated: the same, measured in the same rounds.
        level: nominal coverage.

    >>> round(speedup_estimate([[4.0, 4.1]] * 3, [[2.0, 2.05]] * 3).value, 3)
    2.0
    """
    value = math.exp(log_ratio(native, accelerated))
    if len(native) < 2:
        return Estimate(value, 0.0, math.inf, level, len(native))
    low, high = np.quantile(log_ratio_draws(native, accelerated), [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, math.exp(low), math.exp(high), level, len(native))
