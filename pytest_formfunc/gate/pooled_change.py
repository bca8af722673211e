"""The change of a speedup that several cases share, from what their records note of each judged launch.

All cases of a process are forked from the same servers, so what a server does to one case it may do to all. The
server is therefore the independent unit here too, and not the case: of each server, what its launches say of all cases
is put together first, and the interval comes from how servers differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from pytest_formfunc.gate.decision import LOCKS, Locks
from pytest_formfunc.gate.paired_change import PairedRounds, measure_change
from pytest_formfunc.records.parts import JudgedLaunches
from pytest_formfunc.stats import Estimate
from pytest_formfunc.stats.pairs import launch_logs
from pytest_formfunc.stats.servers import ENOUGH_SERVERS, by_server
from pytest_formfunc.stats.student import Mean, log_interval, t_quantile

FEWEST_SERVERS = 3  # as for one case: an interval with one degree of freedom is only a guess

Server = tuple[str, int]  # the process that has it, and its number there
Cells = dict[Server, float]  # the mean log ratio of a case's launches from each server


@dataclass(frozen=True)
class Stratum:
    """The servers that the same cases have launches from.

    Attributes:
        total: the sum of what its servers contribute to the mean.
        variance: of that sum, from how its servers differ.
        servers: their number.
    """

    total: float
    variance: float
    servers: int


@dataclass(frozen=True)
class PooledChange:
    """A ratio's mean over several cases, on the log scale, as the sum of independent strata of servers."""

    strata: tuple[Stratum, ...]

    @property
    def enough(self) -> bool:
        """Return whether there are enough servers to decide anything."""
        return bool(self.strata)

    @property
    def mean(self) -> Mean:
        """Return the mean with its standard error, and Welch's and Satterthwaite's degrees of freedom of that."""
        variance_of_mean = math.fsum(one.variance for one in self.strata)
        doubt = math.fsum(one.variance**2 / (one.servers - 1) for one in self.strata)
        freedom = [one.servers - 1 for one in self.strata]
        df = variance_of_mean**2 / doubt if doubt > 0 else math.inf
        df = min(max(df, min(freedom)), sum(freedom))  # where it lies but for rounding
        return Mean(math.fsum(one.total for one in self.strata), math.sqrt(variance_of_mean), float(df))

    @property
    def estimate(self) -> Estimate:
        """Return the change as a ratio, with its 95% interval."""
        return self.interval(0.05)

    def interval(self, alpha: float) -> Estimate:
        """Return the change with its interval of coverage 1 - ``alpha``.

        The strata's variances add up. Welch's and Satterthwaite's degrees of freedom are too many in the far tails if
        one small stratum has nearly all of the variance (five of twelve servers, 16 times the others' variance: 2.5
        times the level at 0.05%). So the interval is never narrower than that of any stratum by itself, by its own
        degrees of freedom; in simulations it then keeps its level for every ratio of variances
        (`tests/gate/test_pooled_change.py`).
        """
        mean = self.mean
        reach = t_quantile(alpha, mean.df) * mean.standard_error
        for one in self.strata:
            reach = max(reach, t_quantile(alpha, one.servers - 1) * math.sqrt(one.variance))
        return log_interval(mean.value, reach, 1 - alpha, sum(one.servers for one in self.strata))


def note_launches(
    rounds: PairedRounds, process: str, locks: Locks, *, same_kernels: bool, own_servers: bool
) -> JudgedLaunches:
    """Return what a record notes of the launches that its verdict rests on.

    Args:
        rounds: of both revisions, as the verdict has them.
        process: names the process whose servers these are.
        locks: where the verdict turns.
        same_kernels: whether the engine executes the same graph on both sides.
        own_servers: whether the other side's workers were forked from servers of its own.
    """
    judged = measure_change(rounds).judged
    _, here, _, there = rounds.all_four
    accelerated = judged.logs if rounds.same_native else launch_logs(there, here)
    return JudgedLaunches(
        changes=tuple(map(math.exp, judged.logs)),
        accelerated=tuple(map(math.exp, accelerated)),
        servers=tuple(judged.servers),
        process=process,
        means=next(name for name, one in LOCKS.items() if one == locks),
        same_kernels=same_kernels,
        own_servers=own_servers,
    )


def servers_needed(noted: Sequence[JudgedLaunches]) -> dict[str, int]:
    """Return from how many servers a case of each process needs launches to be pooled with the others.

    Five are enough, as everywhere. Where no case has as many, because its process has fewer servers, it is as many as
    the one with the most has, and three at least: a case with fewer would leave the others only its few servers.
    """
    most: dict[str, int] = {}
    for one in noted:
        most[one.process] = max(most.get(one.process, 0), one.different_servers)
    return {process: max(FEWEST_SERVERS, min(ENOUGH_SERVERS, count)) for process, count in most.items()}


def pool_changes(noted: Sequence[JudgedLaunches], ratios: Sequence[Sequence[float]]) -> PooledChange:
    """Return the mean over cases of each case's mean log ratio, with equal weights.

    ``Y[c,s]`` is the mean log ratio of case ``c`` over its launches from server ``s``, and ``m[c]`` the number of
    servers of ``c``; there are ``C`` cases. A server contributes ``Z[s] = sum over cases of Y[c,s] / (C m[c])``, and
    the mean is the sum of ``Z[s]``.

    Cases with further looks have launches from more servers than others. Servers that the same cases have are a
    stratum: they are alike, so that their sum's variance is their number times the variance of their ``Z``, whatever
    the cases of a server have in common, and however much each case scatters. Strata are independent of each other.
    Two processes have no server in common, so that parts of a run, or the workers of pytest-xdist, are further strata.
    A stratum with fewer servers than `servers_needed` asks for is left out.

    Args:
        noted: what each case's record notes.
        ratios: for each case a ratio of each of its launches: its changes, or a part of them.

    Returns:
        The mean; without strata if a case would be left without a server.
    """
    cells: list[Cells] = []
    for one, of_launches in zip(noted, ratios, strict=True):
        means, _ = by_server([math.log(ratio) for ratio in of_launches], one.servers)
        servers = [(one.process, server) for server in dict.fromkeys(one.servers)]
        cells.append(dict(zip(servers, means, strict=True)))
    kept = _strata(cells, servers_needed(noted))
    counts = [sum(len(servers) for servers, cases in kept if case in cases) for case in range(len(cells))]
    if not all(counts):
        return PooledChange(())
    strata = []
    for alike, cases in kept:
        parts = [
            math.fsum(cells[case][server] / (len(cells) * counts[case]) for case in cases) for server in alike
        ]  # fmt: skip
        strata.append(Stratum(math.fsum(parts), len(parts) * variance(parts), len(parts)))
    return PooledChange(tuple(strata))


def case_change(noted: JudgedLaunches) -> float:
    """Return the change of one case by itself, as a pool counts it: the geometric mean over servers."""
    means, _ = by_server([math.log(ratio) for ratio in noted.changes], noted.servers)
    return math.exp(fmean(means))


def _strata(cells: Sequence[Cells], needed: Mapping[str, int]) -> list[tuple[list[Server], list[int]]]:
    """Return the servers that the same cases have, with those cases; without strata that are too small."""
    alike: dict[tuple[int, ...], list[Server]] = {}
    for server in dict.fromkeys(server for of_case in cells for server in of_case):
        cases = tuple(index for index, of_case in enumerate(cells) if server in of_case)
        alike.setdefault(cases, []).append(server)
    return [(servers, [*cases]) for cases, servers in alike.items() if len(servers) >= needed[servers[0][0]]]
