"""Learn from the saved runs of a case how far a run is from the mean of the runs before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from pytest_formfunc.stats.student import Mean


@dataclass(frozen=True)
class BackTests:
    """What saved runs would have shown as changes, although nothing changed.

    Attributes:
        variance: of the log speedup of one run, beyond what its launches show; below 0 where runs agree better than
            their launches do.
        df: degrees of freedom of ``variance``; 0 if it is not known.
        count: number of saved runs that were compared with those before them.
    """

    variance: float = 0.0
    df: float = 0.0
    count: int = 0


def back_test(runs: Sequence[Mean], pooled: int, libraries: Sequence[object] = ()) -> BackTests:
    """Compare each saved run with the mean of those before it, as a new run is compared with the last ones.

    The mean square of these differences is the very quantity that a verdict rests on, so it also has what a slow drift
    adds: the mean of the last runs lags behind a drift. Successive differences (von Neumann et al., Annals of
    Mathematical Statistics 12, 1941) would leave that out. A run with fewer than ``pooled`` runs before it is compared
    with those, and its difference is not scaled down, which is careful where runs are independent of each other and
    about right where they drift.

    Differences ``l`` runs apart have the correlation ``-l / (K (K + 1))`` for ``l`` up to ``K``, the number that is
    pooled, where runs are independent. So ``n`` of them are worth ``n / (1 + (2 K + 1) / (3 K (K + 1)))`` independent
    ones: two thirds of ``n`` for one run, nine tenths for five.

    Args:
        runs: the log speedup of each run with its standard error, oldest first.
        pooled: number of runs whose mean a new run is compared with.
        libraries: for each run, what names the versions of its libraries; a run is not compared with those of other
            versions, between which there may be a real change. Empty if they are all the same.
    """
    squares = []
    for index in range(1, len(runs)):
        before = range(max(0, index - pooled), index)
        if not libraries or all(libraries[one] == libraries[index] for one in before):
            squares.append((runs[index].value - fmean(runs[one].value for one in before)) ** 2)
    if not squares:
        return BackTests()
    within = fmean(run.standard_error**2 for run in runs)
    overlap = (2 * pooled + 1) / (3 * pooled * (pooled + 1))
    return BackTests(fmean(squares) / (1 + 1 / pooled) - within, len(squares) / (1 + overlap), len(squares))
