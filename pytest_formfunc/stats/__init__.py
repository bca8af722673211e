"""Statistics as pure functions: sequences of floats in, an `Estimate` out. They need neither pytest nor torch."""

from pytest_formfunc.stats.estimate import Estimate
from pytest_formfunc.stats.quantiles import median, quantile
from pytest_formfunc.stats.servers import estimate_over_servers
from pytest_formfunc.stats.trimmed import trimmed_mean

__all__ = ["Estimate", "estimate_over_servers", "median", "quantile", "trimmed_mean"]
