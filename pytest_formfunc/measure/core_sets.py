"""Disjoint sets of cores on which workers measure at the same time, and how much they disturb each other.

Sets share caches, memory and, where cores are threads of one core, even that. So each set is measured alone and beside
busy others before anything else, with a small network of convolutions (`pytest_formfunc.measure.pace` has the same).
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import ExitStack

from pytest_formfunc.measure.protocol import Round, Turn
from pytest_formfunc.measure.workers import Worker, WorkerServer
from pytest_formfunc.stats import Estimate, quantile
from pytest_formfunc.stats.student import log_interval, t_quantile, weighted_mean

_PAIRS = 12  # of a turn alone and one beside the others, of each set
_TURN = Turn(discard=8, calls=30, limit_s=0.2)
_BUSY = Turn(discard=0, calls=100_000, limit_s=0.15)  # what keeps the others busy meanwhile, by its limit
_LEVEL = 0.95


def core_sets(cores: Sequence[int], size: int) -> list[tuple[int, ...]]:
    """Return disjoint sets of ``size`` cores; cores that are left over belong to none.

    >>> core_sets([0, 1, 2, 3, 4], 2)
    [(0, 1), (2, 3)]
    """
    ordered = sorted(cores)
    return [tuple(ordered[start : start + size]) for start in range(0, len(ordered) - size + 1, size)]


def pin_to_set(number: int, size: int) -> tuple[int, ...]:
    """Let this process and those that it starts run on one set of cores only; return the set.

    Args:
        number: number of the process; where there are more processes than sets, some share one and take turns.
        size: number of cores in each set.
    """
    sets = core_sets([*os.sched_getaffinity(0)], size)
    mine = sets[number % len(sets)]
    os.sched_setaffinity(0, mine)
    return mine


def disturbance_between(sets: Sequence[tuple[int, ...]]) -> list[Estimate]:
    """Return by which factor a call on each set takes longer while all the others are busy; with a 95% interval.

    Raises:
        MeasurementError: a worker fails.
    """
    server = WorkerServer(timeout_s=120, threads=len(sets[0]), size=1)
    try:
        with ExitStack() as stack:
            workers = [
                stack.enter_context(server.worker(server.job("pace", cores=cores), f"the cores {cores}"))
                for cores in sets
            ]
            for worker in workers:
                worker.ask(_TURN)
            return [_slowed(index, workers) for index in range(len(workers))]
    finally:
        server.close()


def _slowed(index: int, workers: Sequence[Worker]) -> Estimate:
    logs = []
    mine, others = workers[index], [worker for number, worker in enumerate(workers) if number != index]
    for _ in range(_PAIRS):
        alone = _typical(mine.ask(_TURN))
        for worker in others:
            worker.send(_BUSY)
        beside = _typical(mine.ask(_TURN))
        for worker in others:
            worker.receive()
        logs.append(math.log(beside / alone))
    mean = weighted_mean(logs)
    return log_interval(mean.value, t_quantile(1 - _LEVEL, mean.df) * mean.standard_error, _LEVEL, len(logs))


def _typical(turn: Round) -> float:
    return quantile(turn.calls_s, 0.5)
