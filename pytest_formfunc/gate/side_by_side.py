"""Judge two revisions that were measured in the same rounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev

from pytest_formfunc.stats import Estimate, trimmed_mean
from pytest_formfunc.stats.bootstrap import Launches, paired_log_ratios
from pytest_formfunc.stats.student import ratio_estimate, t_quantile

_MIN_LAUNCHES = 3


@dataclass(frozen=True)
class Sides:
    """The round medians of both revisions, in seconds, one sequence a launch.

    Attributes:
        accelerated: this revision's.
        native: this revision's; may have fewer launches.
        accelerated_base: the other revision's.
        native_base: the other revision's.
        same_native: whether native runs the same program in both, so that its ratio is 1 by construction.
    """

    accelerated: Launches
    native: Launches
    accelerated_base: Launches
    native_base: Launches
    same_native: bool


def launch_logs(over: Launches, under: Launches) -> list[float]:
    """Return each launch's log ratio: the trimmed mean over its paired rounds."""
    launches = min(len(over), len(under))
    return [float(trimmed_mean(rounds)) for rounds in paired_log_ratios(over[:launches], under[:launches])]


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

    def p_interval(self, alpha: float) -> Estimate:
        """Return the interval of chance 1 - ``alpha``."""
        return ratio_estimate(self.logs, 1 - alpha)

    def smallest_seen(self, alpha: float, power: float = 0.8) -> float:
        """Return the loss, as a fraction, that these launches would have shown with a chance of ``power``.

        The t quantiles of level and power add up (Cohen 1988, section 2.3, with the noncentral t approximated).
        """
        count = len(self.logs)
        if count < 2:
            return 1.0
        reach = t_quantile(alpha, count - 1) + t_quantile(2 * (1 - power), count - 1)
        return -math.expm1(-reach * stdev(self.logs) / math.sqrt(count))


def measure_change(sides: Sides) -> Change:
    """Estimate how much the speedup changed.

    Where native runs the same program on both sides its ratio is 1 and measuring it would only add noise: the change
    is then that of the accelerated side, from all its launches.
    """
    accelerated = launch_logs(sides.accelerated_base, sides.accelerated)
    native = launch_logs(sides.native_base, sides.native)
    double = [
        float(trimmed_mean(here[: len(there)] - there[: len(here)]))
        for here, there in zip(
            paired_log_ratios(*_cut(sides.native, sides.accelerated)),
            paired_log_ratios(*_cut(sides.native_base, sides.accelerated_base)),
            strict=True,
        )
    ]
    logs = accelerated if sides.same_native else double
    return Change(tuple(logs), ratio_estimate(double), ratio_estimate(accelerated), ratio_estimate(native))


def _cut(over: Launches, under: Launches) -> tuple[Launches, Launches]:
    launches = min(len(over), len(under))
    return over[:launches], under[:launches]


def decide(change: Change, threshold: float, alpha: float) -> str:
    """Return the status at one look.

    ``regressed`` and ``improved`` need both locks: at least the threshold, and an interval of level ``alpha`` without
    1. ``unchanged``: less than the threshold was measured, and the 95% interval rules out twice the threshold. All else
    is ``inconclusive``, which asks for another look.
    """
    if len(change.logs) < _MIN_LAUNCHES:
        return "inconclusive"
    log_threshold = -math.log1p(-threshold)
    center = fmean(change.logs)
    if abs(center) >= log_threshold:
        interval = change.p_interval(alpha) if alpha > 0 else None
        if interval is None or interval.low <= 1 <= interval.high:
            return "inconclusive"
        return "regressed" if center < 0 else "improved"
    shown = change.estimate
    ruled_out = 2 * log_threshold
    if math.log(shown.low) > -ruled_out and math.log(shown.high) < ruled_out:
        return "unchanged"
    return "inconclusive"


def only_native_moved(change: Change, threshold: float) -> bool:
    """Return whether a lost speedup is native's gain: the accelerated side did not get slower.

    It did not where the loss it may have had, by its 95% interval, is below the threshold.
    """
    return change.accelerated.low > 1 - threshold and change.native.low > 1
