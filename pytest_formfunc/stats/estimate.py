"""An estimated ratio together with its confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A positive ratio with its confidence interval.

    Attributes:
        value: the point estimate (a ratio, above 1 is faster).
        low: lower end of the interval.
        high: upper end of the interval.
        level: nominal coverage of the interval, 0.95 by default.
        n: number of independent units (launches) behind it.
    """

    value: float
    low: float
    high: float
    level: float = 0.95
    n: int = 0

    @property
    def half_width(self) -> float:
        """Return half the interval's width as a fraction of the value, on the log scale.

        >>> round(Estimate(2.0, 1.9, 2.1).half_width, 3)
        0.051
        """
        if self.low <= 0 or not math.isfinite(self.high):
            return math.inf
        return math.expm1((math.log(self.high) - math.log(self.low)) / 2)
