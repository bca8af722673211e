"""The mean of a launch's rounds without its lowest and highest part, and what scatter that has.

Rounds are a mixture (each few have a heap layout of their own), for which a median is a poor summary, with outliers by
neighbours on the machine, for which a mean is. So a quarter is left out at either end; three eighths of many rounds,
which a launch has only where rounds scatter. Both are measured: docs/figures.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MANY = 16  # rounds


def _cut(count: int) -> int:
    """Return how many values are left out at either end."""
    return count * 3 // 8 if count >= MANY else count // 4


def trimmed_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean along the last axis without what lies outermost (of three values: of all).

    >>> float(trimmed_mean(np.array([1.0, 2.0, 4.0, 900.0])))
    3.0
    """
    count = values.shape[-1]
    cut = _cut(count)
    return np.asarray(np.sort(values, axis=-1)[..., cut : count - cut].mean(axis=-1))


def trimmed_variance(values: NDArray[np.float64]) -> float:
    """Return the variance of one value so that the trimmed mean of `n` like them has an ``n``-th of it.

    What is left out counts as the nearest value that is not (Tukey & McLaughlin, Sankhya A 25, 1963).

    >>> round(trimmed_variance(np.array([1.0, 2.0, 4.0, 900.0])), 2)
    5.33
    """
    count = len(values)
    cut = _cut(count)
    ordered = np.sort(values)
    pulled = np.clip(values, ordered[cut], ordered[count - 1 - cut])
    return float(np.var(pulled, ddof=1)) / (1 - 2 * cut / count) ** 2
