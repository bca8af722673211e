"""Statistics as pure functions: sequences of floats in, an `Estimate` out. They need neither pytest nor torch."""

from pytest_formfunc.stats.estimate import Estimate
from pytest_formfunc.stats.quantiles import quantile
from pytest_formfunc.stats.servers import estimate_over_servers
from pytest_formfunc.stats.trimmed import trimmed_mean

__all__ = ["Estimate", "estimate_over_servers", "quantile", "trimmed_mean"]
