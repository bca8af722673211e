"""The trimmed mean of a launch's rounds, and its variance.

A launch's rounds have outliers, caused by other load on the machine, and a mean is sensitive to those; a median uses
the rest of them poorly. So a quarter of the rounds is left out at each end; where there are many rounds, which a launch
has only if its rounds scatter, three eighths are. docs/figures.md has the measurements behind both shares.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MANY = 16  # rounds


def _cut(count: int) -> int:
    """Return how many values are left out at each end."""
    return count * 3 // 8 if count >= MANY else count // 4


def trimmed_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean along the last axis without the outermost values (nothing is left out of three or fewer).

    >>> float(trimmed_mean(np.array([1.0, 2.0, 4.0, 900.0])))
    3.0
    """
    count = values.shape[-1]
    cut = _cut(count)
    return np.asarray(np.sort(values, axis=-1)[..., cut : count - cut].mean(axis=-1))


def kept_rounds(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the positions of the values that the trimmed mean of one launch keeps.

    >>> [int(index) for index in kept_rounds(np.array([900.0, 2.0, 4.0, 1.0]))]
    [1, 2]
    """
    cut = _cut(len(values))
    return np.argsort(values, kind="stable")[cut : len(values) - cut]


def trimmed_variance(values: NDArray[np.float64]) -> float:
    """Return the variance that, divided by the number of values, is the variance of their trimmed mean.

    Values that the trimmed mean leaves out are replaced by the nearest kept one (Tukey & McLaughlin, Sankhya A 25,
    1963).

    >>> round(trimmed_variance(np.array([1.0, 2.0, 4.0, 900.0])), 2)
    5.33
    """
    count = len(values)
    cut = _cut(count)
    ordered = np.sort(values)
    pulled = np.clip(values, ordered[cut], ordered[count - 1 - cut])
    return float(np.var(pulled, ddof=1)) / (1 - 2 * cut / count) ** 2
