"""Statistics as pure functions: sequences of floats in, an `Estimate` out. They need neither pytest nor torch."""

from pytest_formfunc.stats.bootstrap import log_ratio_draws, speedup_estimate
from pytest_formfunc.stats.estimate import Estimate
from pytest_formfunc.stats.quantiles import median_round, quantile
from pytest_formfunc.stats.trimmed import trimmed_mean

__all__ = ["Estimate", "log_ratio_draws", "median_round", "quantile", "speedup_estimate", "trimmed_mean"]
