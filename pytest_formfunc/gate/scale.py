"""How much runs differ from each other beyond what their launches show: what is stated, and what is learnt.

Three sources are joined, each by the number of runs that it is worth (degrees of freedom). The level of all cases is
stated, or, where a run has many comparisons, comes from the changes that this run itself shows (an empirical null:
Efron, Journal of the American Statistical Association 99, 2004). The saved runs of the other cases are added to it.
A case's own saved runs then moderate that level (Smyth, Statistical Applications in Genetics and Molecular Biology 3,
2004), because cases differ in how noisy they are. `bench/test_saved_power.py` simulates what follows of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from pytest_formfunc.gate.history import BackTests

# The changes of this run take the place of what is stated from so many comparisons on. Of fewer, one real change could
# not be left out.
ENOUGH_CHANGES = 16
_WINSORISED = 0.1  # of the changes at each end are taken as the next ones inwards
# The standard deviation of winsorised normal values over that of all: 0.82 for many values, and never less than this
# for 10 or more. Their variance has about 0.7 degrees of freedom for each value (both by simulation).
_SHRUNK = 0.816
_DF_EACH = 0.7
# All speedups of a run may move together, which their differences from each other do not show, and which must not be
# learnt from this run: all of them may have lost something. So this much of it is stated, as the standard deviation of
# the log of one run.
SHARED_SD = 0.03
# The part of the runs' variance that cases are taken to have in common, when it is learnt from several of them.
_SHARED_PART = 0.5
# How many runs the level of all cases is worth for a single case, if the level itself were known exactly.
CASE_RUNS = 20.0


@dataclass(frozen=True)
class Level:
    """How much the runs of any case differ.

    Attributes:
        variance: of the log speedup of one run, beyond what its launches show.
        df: its degrees of freedom.
        changes: number of changes of this run that it was learnt from; 0 if it is stated.
    """

    variance: float
    df: float
    changes: int = 0


# For as long as nothing is known: 5.5%, worth 12 runs. That is near the upper end of what was seen (docs/figures.md),
# and the least with which no simulated machine whose runs differ by up to 6% is red more often than promised.
STATED = Level(0.055**2, 12.0)


@dataclass(frozen=True)
class FirstLook:
    """What the first look at a comparison has shown.

    Attributes:
        log: the log change.
        within: the part of its variance that the launches of both sides show.
        pooled: number of saved runs that it is a change from.
    """

    log: float
    within: float
    pooled: int


@dataclass(frozen=True)
class RunNoise:
    """How much the runs of one case differ.

    Attributes:
        variance: of the log speedup of one run, beyond what its launches show.
        df: its degrees of freedom.
        tests: number of the case's saved runs that it was learnt from, by comparing each with those before it.
        changes: number of changes of this run that it was learnt from.
    """

    variance: float
    df: float
    tests: int
    changes: int


def level_of(looks: Sequence[FirstLook]) -> Level:
    """Return the level that this run's own changes show, or the stated one if they are too few.

    A tenth of the changes at each end are replaced by the next ones inwards, so that a few real changes add little. The
    rest scatter about their own centre: a loss that all cases have in common widens nothing. What runs have in common
    is stated instead (`SHARED_SD`).

    Args:
        looks: the first looks at all comparisons that this run has measured so far.
    """
    if len(looks) < ENOUGH_CHANGES:
        return STATED
    changes = sorted(one.log / math.sqrt(1 + 1 / one.pooled) for one in looks)
    out = int(_WINSORISED * len(changes))
    kept = changes[out : len(changes) - out]
    scatter = variance([kept[0]] * out + kept + [kept[-1]] * out) / _SHRUNK**2
    within = fmean(one.within / (1 + 1 / one.pooled) for one in looks)
    return Level(max(scatter - within, 0.0) + SHARED_SD**2, _DF_EACH * len(looks), len(looks))


def level_beside(level: Level, others: Sequence[BackTests]) -> Level:
    """Return the level with what the saved runs of other cases show.

    They have a part of their runs' variance in common, `_SHARED_PART`. So ``n`` cases are worth ``n / (1 + (n - 1)
    r^2)`` of them, ``r^2`` being the correlation of two squares of normal values whose correlation is ``r``.
    """
    df = math.fsum(one.df for one in others)
    if not df:
        return level
    shown = max(math.fsum(one.df * one.variance for one in others) / df, 0.0)
    df /= 1 + (sum(one.df > 0 for one in others) - 1) * _SHARED_PART**2
    together = (level.df * level.variance + df * shown) / (level.df + df)
    return Level(together, level.df + df, level.changes)


def noise_of(level: Level, own: BackTests) -> RunNoise:
    """Return how much the runs of a case differ, by the level of all cases and by its own saved runs.

    The level is worth `CASE_RUNS` runs of the case, or fewer if the level itself is not well known: the relative
    variances of both add up.
    """
    worth = 1 / (1 / CASE_RUNS + 1 / level.df)
    df = worth + own.df
    return RunNoise((worth * level.variance + own.df * max(own.variance, 0.0)) / df, df, own.count, level.changes)
