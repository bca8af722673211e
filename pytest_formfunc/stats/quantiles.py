"""Quantiles by linear interpolation (Hyndman & Fan, The American Statistician 50, 1996, type 7; numpy's default).

Every median of the package is this one, so that a row has one median wherever it is shown. It is also what Python's
``statistics.median`` gives, digit by digit, which pytest-benchmark shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np


def median(values: Iterable[float]) -> float:
    """Return the median: the middle value, or half the sum of the two in the middle, in the values' unit.

    Raises:
        ValueError: there are no values, or one is NaN, which has no place in any order.

    >>> median([4, 1, 3, 2]), median([3.0, 1.0, 2.0])
    (2.5, 2.0)
    """
    ordered = _ordered(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def quantile(values: Sequence[float], q: float) -> float:
    """Return the ``q`` quantile (0 to 1) of at least one value, in the values' unit.

    Raises:
        ValueError: there are no values, one is NaN, or ``q`` does not lie between 0 and 1.

    >>> quantile([4.0, 1.0, 3.0, 2.0], 0.5), quantile([4.0, 1.0, 3.0, 2.0], 0.25)
    (2.5, 1.75)
    """
    # numpy interpolates between the two values in the middle, and may round the last digit differently.
    return median(values) if q == 0.5 else float(np.quantile(np.asarray(_ordered(values)), q))


def _ordered(values: Iterable[float]) -> list[float]:
    ordered = sorted(map(float, values))
    if not ordered:
        raise ValueError("there are no values, and so there is no quantile of them")
    if any(map(math.isnan, ordered)):
        raise ValueError("a value is nan, which has no place in the order that a quantile is taken from")
    return ordered
