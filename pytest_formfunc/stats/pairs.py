"""Two series that were measured in the same rounds: their ratio, round by round, and the level of each of them.

A launch is summarised by the trimmed mean of its rounds' log ratios. The rounds that this mean keeps also give the
level of both series, as the geometric mean of those rounds; so the two levels divide to the ratio exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from pytest_formfunc.stats.checks import logs_of
from pytest_formfunc.stats.trimmed import kept_rounds, trimmed_mean

Launches = Sequence[Sequence[float]]


def paired_log_ratios(numerator: Launches, denominator: Launches) -> list[NDArray[np.float64]]:
    """Return, for each launch, the log ratios of its rounds.

    Args:
        numerator: seconds; one sequence of rounds for each launch.
        denominator: the same; where a launch has fewer rounds on one side, the other side's last rounds are left out.

    Raises:
        ValueError: the two have different numbers of launches, or none; or a time is NaN, infinite, 0 or less.
    """
    if len(numerator) != len(denominator) or not numerator:
        raise ValueError("both sides need the same number of launches, at least one")
    pairs = []
    for over, under in zip(numerator, denominator, strict=True):
        rounds = min(len(over), len(under))
        pairs.append(logs_of(over[:rounds]) - logs_of(under[:rounds]))
    return pairs


def launch_logs(numerator: Launches, denominator: Launches) -> list[float]:
    """Return the log ratio of each launch: the trimmed mean of its rounds' log ratios.

    >>> [round(math.exp(log), 3) for log in launch_logs([[4.0, 4.1]] * 2, [[2.0, 2.05]] * 2)]
    [2.0, 2.0]
    """
    return [float(trimmed_mean(rounds)) for rounds in paired_log_ratios(numerator, denominator)]


def launch_levels(series: Launches, beside: Launches | None = None) -> list[float]:
    """Return the log of each launch's level: the geometric mean of the rounds that the trimmed ratio keeps.

    Args:
        series: seconds; one sequence of rounds for each launch.
        beside: the series that it is divided by, or that is divided by it; None to trim by the series' own values.

    Raises:
        ValueError: a time of either is NaN, infinite, 0 or less.

    >>> round(math.exp(launch_levels([[1.0, 2.0, 4.0, 900.0]])[0]), 3)
    2.828
    """
    ratios = [logs_of(rounds) for rounds in series] if beside is None else paired_log_ratios(series, beside)
    return [_level(logs_of(rounds[: len(ratio)]), ratio) for rounds, ratio in zip(series, ratios, strict=True)]


def _level(logs: NDArray[np.float64], ratios: NDArray[np.float64]) -> float:
    """Return the mean of the logs whose ratios are kept; of equal ratios, from both ends, so that both sides agree."""
    return float(np.mean([logs[kept_rounds(ratios)], logs[kept_rounds(-ratios)]]))


def typical_round(series: Launches, beside: Launches | None = None) -> float:
    """Return the geometric mean over launches of a series' level, in its unit; ``beside`` as in `launch_levels`.

    >>> round(typical_round([[1.0, 1.0], [4.0]]), 3)
    2.0
    """
    return math.exp(fmean(launch_levels(series, beside)))
