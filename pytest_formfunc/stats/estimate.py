"""An estimated ratio together with its confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist


@dataclass(frozen=True)
class Estimate:
    """A positive ratio with its confidence interval.

    Attributes:
        value: the point estimate (a ratio, above 1 is faster).
        low: lower end of the interval.
        high: upper end of the interval.
        level: nominal coverage of the interval, 0.95 by default.
        n: number of independent units (launches) behind it.
        common: the part of its standard error, on the log scale, that all estimates of a run have in common.
    """

    value: float
    low: float
    high: float
    level: float = 0.95
    n: int = 0
    common: float = 0.0

    @property
    def half_width(self) -> float:
        """Return half the interval's width as a fraction of the value, on the log scale.

        >>> round(Estimate(2.0, 1.9, 2.1).half_width, 3)
        0.051
        """
        if self.low <= 0 or not math.isfinite(self.high):
            return math.inf
        return math.expm1((math.log(self.high) - math.log(self.low)) / 2)

    @property
    def plain(self) -> str:
        """Return it as text, where it is no speedup: a correlation, an exponent, a share.

        >>> Estimate(0.5, -0.1, 0.804).plain
        '0.50 (-0.10 to 0.80)'
        """
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"

    def widened(self, common: float) -> Estimate:
        """Return the estimate with an error added that all estimates of a run have in common.

        Args:
            common: its standard deviation, on the log scale; it adds to the interval's own in quadrature.

        >>> round(Estimate(2.0, 1.9, 2.1).widened(0.05).half_width, 3)
        0.116
        """
        if common <= 0 or self.low <= 0 or not math.isfinite(self.high):
            return self
        reach = math.hypot(math.log(self.high / self.low) / 2, NormalDist().inv_cdf((1 + self.level) / 2) * common)
        middle = math.log(self.high * self.low) / 2
        return replace(
            self,
            low=math.exp(middle - reach),
            high=math.exp(middle + reach),
            common=math.hypot(self.common, common),
        )
