"""Judge two revisions that were measured in the same rounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist, stdev

import numpy as np
from numpy.typing import NDArray

from pytest_formfunc.gate.decision import smallest_seen
from pytest_formfunc.stats import Estimate, trimmed_mean
from pytest_formfunc.stats.bootstrap import Launches, paired_log_ratios
from pytest_formfunc.stats.student import ratio_estimate, t_quantile

_MIN_LAUNCHES = 3


@dataclass(frozen=True)
class Sides:
    """Round medians of two revisions, in seconds, one sequence a launch; launches and rounds in pairs.

    Attributes:
        accelerated: this revision's and the other's, from all launches that both took part in.
        all_four: native and accelerated here, native and accelerated there, from the launches that had all four.
        same_native: whether native runs the same program in both, so that its ratio is 1 by construction.
    """

    accelerated: tuple[Launches, Launches]
    all_four: tuple[Launches, Launches, Launches, Launches]
    same_native: bool


def launch_logs(over: Launches, under: Launches) -> list[float]:
    """Return each launch's log ratio: the trimmed mean over its paired rounds."""
    return [float(trimmed_mean(rounds)) for rounds in paired_log_ratios(over, under)]


@dataclass(frozen=True)
class Change:
    """Speedup here / speedup there, and its parts: above 1 is faster here.

    Attributes:
        logs: one log change a launch: what is judged.
        double: the double ratio as measured, all four series; for the report.
        accelerated: accelerated latency there / here.
        native: native latency there / here.
    """

    logs: tuple[float, ...]
    double: Estimate
    accelerated: Estimate
    native: Estimate

    @property
    def estimate(self) -> Estimate:
        """Return the change that is judged with its 95% interval (Student's t over launches)."""
        return ratio_estimate(self.logs)

    @property
    def enough(self) -> bool:
        """Return whether there are launches enough: with one degree of freedom any interval is a guess."""
        return len(self.logs) >= _MIN_LAUNCHES

    def interval(self, alpha: float) -> Estimate:
        """Return the change with the interval of chance 1 - ``alpha``."""
        return ratio_estimate(self.logs, 1 - alpha)

    def smallest_seen(self, alpha: float, power: float = 0.8) -> float:
        """Return the loss, as a fraction, that these launches would have shown with a chance of ``power``."""
        count = len(self.logs)
        if count < 2:
            return 1.0
        error = stdev(self.logs) / math.sqrt(count)
        return smallest_seen(error, t_quantile(alpha, count - 1), count - 1, NormalDist().inv_cdf(power))


def measure_change(sides: Sides) -> Change:
    """Estimate how much the speedup changed.

    Where native runs the same program on both sides its ratio is 1 and measuring it would only add noise: the change
    is then that of the accelerated side, from all its launches.
    """
    native, accelerated, native_base, accelerated_base = sides.all_four
    double = [
        float(trimmed_mean(_common(here, there)))
        for here, there in zip(
            paired_log_ratios(native, accelerated), paired_log_ratios(native_base, accelerated_base), strict=True
        )
    ]
    here, there = sides.accelerated
    accelerated_logs = launch_logs(there, here)
    return Change(
        logs=tuple(accelerated_logs if sides.same_native else double),
        double=ratio_estimate(double),
        accelerated=ratio_estimate(accelerated_logs),
        native=ratio_estimate(launch_logs(native_base, native)),
    )


def _common(here: NDArray[np.float64], there: NDArray[np.float64]) -> NDArray[np.float64]:
    rounds = min(len(here), len(there))
    return here[:rounds] - there[:rounds]


def only_native_moved(change: Change, threshold: float) -> bool:
    """Return whether a lost speedup is native's gain: the accelerated side did not get slower.

    It did not where the loss it may have had, by its 95% interval, is below the threshold and may be none.
    """
    unharmed = change.accelerated.low > 1 - threshold and change.accelerated.high >= 1
    return unharmed and change.native.low > 1
