"""The trimmed mean of a launch's rounds, and its variance.

A launch's rounds have outliers, caused by other load on the machine, and a mean is sensitive to those; a median uses
the rest of them poorly. So a quarter of the rounds is left out at each end; where there are many rounds, which a launch
has only if its rounds scatter, three eighths are. docs/figures.md has the measurements behind both shares.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pytest_formfunc.stats.checks import check_finite

MANY = 16  # rounds


def _cut(count: int) -> int:
    """Return how many values are left out at each end."""
    return count * 3 // 8 if count >= MANY else count // 4


def trimmed_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean along the last axis without the outermost values (nothing is left out of three or fewer).

    Raises:
        ValueError: a value is NaN or infinite; sorting would put it among those that are left out.

    >>> float(trimmed_mean(np.array([1.0, 2.0, 4.0, 900.0])))
    3.0
    """
    check_finite(values)
    count = values.shape[-1]
    cut = _cut(count)
    return np.asarray(np.sort(values, axis=-1)[..., cut : count - cut].mean(axis=-1))


def kept_rounds(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the positions of the values that the trimmed mean of one launch keeps.

    Raises:
        ValueError: a value is NaN or infinite.

    >>> [int(index) for index in kept_rounds(np.array([900.0, 2.0, 4.0, 1.0]))]
    [1, 2]
    """
    check_finite(values)
    cut = _cut(len(values))
    return np.argsort(values, kind="stable")[cut : len(values) - cut]


def trimmed_variance(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what, divided by the number of values, is the variance of their trimmed mean, along the last axis.

    Values that the trimmed mean leaves out are replaced by the nearest kept one (Tukey & McLaughlin, Sankhya A 25,
    1963). With ``n`` values, ``h`` of them kept, and ``S`` the sum of the squared deviations of what results, the
    variance of the trimmed mean is ``S / (h (h - 1))`` (Yuen, Biometrika 61, 1974): a value that was replaced adds no
    degree of freedom. For normal values the mean of that is 0 to 1.6% above the truth, whatever ``n``
    (tests/stats/test_trimmed.py simulates it); with ``n - 1`` for ``h - 1`` it would be up to a third below.

    Raises:
        ValueError: there are fewer than two values, or one is NaN or infinite.

    >>> float(trimmed_variance(np.array([1.0, 2.0, 4.0, 900.0])))
    8.0
    """
    count = values.shape[-1]
    if count < 2:
        raise ValueError("a variance needs at least two values")
    check_finite(values)
    cut = _cut(count)
    kept = count - 2 * cut
    ordered = np.sort(values, axis=-1)
    pulled = np.clip(ordered, ordered[..., [cut]], ordered[..., [count - 1 - cut]])
    squares = ((pulled - pulled.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1)
    return np.asarray(count * squares / (kept * (kept - 1)))
