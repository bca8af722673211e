"""Read an estimate of an observation, which may come from a file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pytest_formfunc.stats import Estimate


def estimate_of(found: Mapping[str, Any]) -> Estimate:
    """Return a ratio with its interval.

    Raises:
        KeyError, TypeError, ValueError: the file is damaged.
    """
    high = math.inf if found["high"] is None else float(found["high"])
    return Estimate(float(found["value"]), float(found["low"]), high)
