"""Refuse numbers of which no estimate can be made, before one is made of them.

A NaN sorts to one end, so that a trimmed mean would leave it out without a word; an infinite value would be left out as
an outlier; and the log of 0 is infinite.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Values = Sequence[float] | NDArray[np.float64]


def check_finite(values: Values, what: str = "a value") -> None:
    """Refuse values that are NaN or infinite.

    Args:
        values: any numbers, in any shape.
        what: what one of them is, for the sentence.

    Raises:
        ValueError: one is; the sentence names it.

    >>> check_finite([1.0, float("nan")], "a log ratio")
    Traceback (most recent call last):
    ValueError: a log ratio is nan, and an estimate is made of finite numbers alone
    """
    array = np.asarray(values, dtype=float)
    if not (known := np.isfinite(array)).all():
        raise ValueError(f"{what} is {float(array[~known][0])}, and an estimate is made of finite numbers alone")


def logs_of(seconds: Values) -> NDArray[np.float64]:
    """Return the natural logarithms of times.

    Args:
        seconds: times in seconds.

    Raises:
        ValueError: one is NaN, infinite, 0 or less; the sentence names it.

    >>> logs_of([1.0, 0.0])
    Traceback (most recent call last):
    ValueError: a time is 0.0 s, which no call takes: times are finite and above 0
    """
    array: NDArray[np.float64] = np.asarray(seconds, dtype=float)
    possible = (array > 0) & (array < np.inf)  # neither holds for NaN
    if not possible.all():
        raise ValueError(f"a time is {float(array[~possible][0])} s, which no call takes: times are finite and above 0")
    return np.asarray(np.log(array))
