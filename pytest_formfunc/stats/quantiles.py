"""Quantiles by linear interpolation (Hyndman & Fan 1996, type 7; numpy's default)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def quantile(values: Sequence[float], q: float) -> float:
    """Return the ``q`` quantile (0 to 1) of at least one value, in the values' unit.

    >>> quantile([4.0, 1.0, 3.0, 2.0], 0.5)
    2.5
    """
    return float(np.quantile(np.asarray(values, dtype=float), q))
