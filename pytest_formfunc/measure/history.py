"""A worker that makes many more calls beside one that makes few: whether a network keeps something of every call."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pytest_formfunc.measure.protocol import Turn
from pytest_formfunc.measure.rounds import WorkerLike
from pytest_formfunc.measure.schedule import plan_turn
from pytest_formfunc.stats import median
from pytest_formfunc.stats.growth import grown, may_grow

PAIRS = 9  # before the one has made its calls, and after
MOST_CALLS = 2  # of a turn: few calls, beside those in between
MANY = Turn(discard=0, calls=4000, limit_s=0.5)
MOST_TIMES = 4  # so often, where a busy machine makes few calls in that time, and the last ones are longer
MOST_EARLY = 5  # of those calls, to compare the last ones with
MOST_LOOKS = 2  # at one network that turned out not to grow


@dataclass(frozen=True)
class Growth:
    """How a worker got slower.

    Attributes:
        calls: that it made in between.
        factor: what a call takes after them / before.
    """

    calls: int
    factor: float


def slower_after_calls(old: WorkerLike, fresh: WorkerLike, call_s: float) -> Growth | None:
    """Return by which factor many calls make a new worker slower, or None if they do not.

    The new one makes them: one that has made its launch's calls already would hardly notice as many more.

    Args:
        old: the worker that has made its launch's calls; it is called in turn with the other one, so that what the
            machine does is in neither.
        fresh: another of the same participant, which has loaded.
        call_s: seconds of a call, to plan turns with.

    Raises:
        MeasurementError: one of them failed.
    """
    turn = plan_turn(call_s)
    turn = replace(turn, discard=0, calls=min(turn.calls, MOST_CALLS))
    before = _ratios(old, fresh, turn)
    made, early_s = 0, 0.0
    for _ in range(MOST_TIMES):
        calls = fresh.ask(MANY).calls_s
        made += len(calls)
        early_s = early_s or median(calls[:MOST_EARLY])
        if made >= MANY.calls or not may_grow(calls, early_s):
            break
    factor = grown(before, _ratios(old, fresh, turn))
    return None if factor is None else Growth(made, factor)


def _ratios(old: WorkerLike, fresh: WorkerLike, turn: Turn) -> list[float]:
    """Return the seconds of the new worker's shortest call over the old one's, of each pair of turns.

    The shortest, because other programs only lengthen calls.
    """
    ratios = []
    for pair in range(PAIRS):
        seconds = {}
        for worker in (old, fresh) if pair % 2 else (fresh, old):
            seconds[worker is fresh] = min(worker.ask(turn).calls_s)
        ratios.append(seconds[True] / seconds[False])
    return ratios
