"""A worker that has made many calls beside one that begins: whether a network keeps something of every call."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

from pytest_formfunc.measure.protocol import Turn
from pytest_formfunc.measure.rounds import WorkerLike
from pytest_formfunc.measure.schedule import plan_turn
from pytest_formfunc.stats.growth import grown

PAIRS = 9
MOST_CALLS = 3  # counted, of a turn: the one that begins should still have made few in the end
MOST_DISCARDED = 1
# Beside other programs a launch may have made few calls: its worker makes more first, else the new one catches up.
FIRST = Turn(discard=0, calls=400, limit_s=0.5)
MOST_LOOKS = 2  # at one network that turned out not to grow


def slower_than_fresh(old: WorkerLike, fresh: WorkerLike, call_s: float) -> float | None:
    """Return by which factor calls of an old worker take longer than a new one's, or None if they do not.

    Args:
        old: the worker that has made its launch's calls; it makes more of them.
        fresh: another of the same participant, which has loaded.
        call_s: seconds of a call, to plan turns with.

    Raises:
        MeasurementError: one of them failed.
    """
    turn = plan_turn(call_s)
    turn = replace(turn, discard=min(turn.discard, MOST_DISCARDED), calls=min(turn.calls, MOST_CALLS))
    old.ask(FIRST)
    ratios = []
    for pair in range(PAIRS):
        seconds = {}
        for worker in (old, fresh) if pair % 2 else (fresh, old):
            seconds[worker is old] = median(worker.ask(turn).calls_s)
        ratios.append(seconds[True] / seconds[False])
    return grown(ratios)
