"""The mean of a launch's rounds without the lowest and the highest quarter, and what scatter it has.

Rounds are a mixture (each few have a heap layout of their own), for which a median is a poor summary, with outliers by
neighbours on the machine, for which a mean is. The quarter is measured: docs/figures.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SHARE = 4  # one in so many is left out at either end


def trimmed_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean along the last axis without its lowest and highest quarter (of three values: of all).

    >>> float(trimmed_mean(np.array([1.0, 2.0, 4.0, 900.0])))
    3.0
    """
    count = values.shape[-1]
    cut = count // _SHARE
    return np.asarray(np.sort(values, axis=-1)[..., cut : count - cut].mean(axis=-1))


def trimmed_variance(values: NDArray[np.float64]) -> float:
    """Return the variance of one value so that the trimmed mean of `n` like them has an ``n``-th of it.

    What is left out counts as the nearest value that is not (Tukey & McLaughlin, Sankhya A 25, 1963).

    >>> round(trimmed_variance(np.array([1.0, 2.0, 4.0, 900.0])), 2)
    5.33
    """
    count = len(values)
    cut = count // _SHARE
    ordered = np.sort(values)
    pulled = np.clip(values, ordered[cut], ordered[count - 1 - cut])
    return float(np.var(pulled, ddof=1)) / (1 - 2 * cut / count) ** 2
