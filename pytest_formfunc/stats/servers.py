"""The mean over servers, with its interval: the one that a row prints, a floor is judged by and a record holds.

A worker is forked from one of several servers, each its own ``exec``, and inherits its heap and its addresses. Launches
from one server repeat each other; servers differ as a user's processes do. So the server is the independent unit: its
launches are averaged, and the interval is Student's t over the servers' means.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from pytest_formfunc.stats.checks import check_finite
from pytest_formfunc.stats.estimate import Estimate
from pytest_formfunc.stats.student import Mean, log_interval, t_quantile, weighted_mean

ENOUGH_SERVERS = 5  # from here on, the servers' own scatter is the only one that counts
# With fewer servers their scatter is moderated (Smyth, Statistical Applications in Genetics and Molecular Biology 3,
# 2004): it counts together with a scale that is fixed beforehand, which is worth this many degrees of freedom.
PRIOR_DF = 4.0
# Those scales: standard deviations of the log between servers. They are at the upper end of what was seen, so that a
# short measurement has a wide interval rather than a wrong one (docs/measuring.md).
KEPT_SD = 0.05  # of a ratio whose two sides keep their memory
DEFAULT_SD = 0.35  # of a ratio over a process that manages its memory as it does by default
LEVEL_SD = 0.20  # of a latency, which moves with the machine's speed


def by_server(
    logs: Sequence[float], servers: Sequence[int], weights: Sequence[float] | None = None
) -> tuple[list[float], list[float]]:
    """Average the launches of each server.

    Args:
        logs: one log ratio for each launch.
        servers: the server that each launch was forked from.
        weights: weight of each launch; equal by default, and then servers have equal weights as well.

    Returns:
        The mean of each server, in the order in which they first occur, and the weight of each.

    >>> by_server([1.0, 3.0, 5.0], [0, 1, 0])
    ([3.0, 3.0], [1.0, 1.0])
    """
    means, totals = [], []
    for server in dict.fromkeys(servers):
        own = [index for index, one in enumerate(servers) if one == server]
        shares = [1.0 if weights is None else weights[index] for index in own]
        totals.append(1.0 if weights is None else math.fsum(shares))
        means.append(math.fsum(share * logs[index] for share, index in zip(shares, own, strict=True)) / sum(shares))
    return means, totals


def mean_over_servers(
    logs: Sequence[float],
    servers: Sequence[int],
    prior_sd: float | None,
    weights: Sequence[float] | None = None,
) -> Mean:
    """Return the mean with its standard error and the degrees of freedom of that error.

    Args:
        logs: one log ratio for each launch.
        servers: the server that each launch was forked from; there are at least two different ones.
        prior_sd: the scale that moderates the scatter of fewer than `ENOUGH_SERVERS` servers; None for no moderation.
        weights: weight of each launch; equal by default.

    >>> mean_over_servers([0.0, 0.0, 0.1, 0.1], [0, 0, 1, 1], None)
    Mean(value=0.05, standard_error=0.05, df=1.0)
    """
    means, totals = by_server(logs, servers, weights)
    seen = weighted_mean(means, totals)
    if prior_sd is None or len(means) >= ENOUGH_SERVERS:
        return seen
    error = prior_sd / math.sqrt(seen.df + 1)  # that of a mean whose values scatter by the scale
    variance = (PRIOR_DF * error**2 + seen.df * seen.standard_error**2) / (PRIOR_DF + seen.df)
    return Mean(seen.value, math.sqrt(variance), PRIOR_DF + seen.df)


def estimate_over_servers(
    logs: Sequence[float],
    servers: Sequence[int],
    prior_sd: float | None,
    level: float = 0.95,
    weights: Sequence[float] | None = None,
) -> Estimate:
    """Return the geometric mean of ratios, with its interval; ``n`` is the number of servers.

    One server does not show how servers differ: the interval then goes from 0 to infinity.

    Args:
        logs: one log ratio for each launch, at least one.
        servers: the server that each launch was forked from.
        prior_sd: the scale that moderates the scatter of few servers (`mean_over_servers`).
        level: coverage of the interval.
        weights: weight of each launch; equal by default.

    Raises:
        ValueError: a log ratio is NaN or infinite.
    """
    check_finite(logs, "a log ratio")
    count = len(set(servers))
    if count < 2:
        center = fmean(logs) if weights is None else by_server(logs, servers, weights)[0][0]
        return Estimate(math.exp(center), 0.0, math.inf, level, count)
    mean = mean_over_servers(logs, servers, prior_sd, weights)
    return log_interval(mean.value, t_quantile(1 - level, mean.df) * mean.standard_error, level, count)
