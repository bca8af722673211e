"""When who runs, and when to stop: pure functions, no clock and no process in here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it needs numpy, which an environment that is to be refused may lack
    from pytest_formfunc.stats.allocation import Scatter

TURN_S = 0.012  # a turn's counted calls; 3, 6, 15 and 30 ms repeated no better (docs/figures.md)
SETTLE_S = 0.002  # the caches hold the other engine's data, and its own threads must wake up ...
SETTLE_CALLS = 2  # ... which takes so many calls ...
SLOW_CALL_S = 0.02  # ... or is nothing beside a call that takes this long
SHAKE_EVERY = 3  # rounds that share a heap layout ...
SHAKE_SETTLE_CALLS = 4  # ... which takes so many calls to find its shape
MIN_CALLS = 2
MAX_CALLS = 400
ROUNDS_PER_LAUNCH = 6
MIN_ROUNDS = 3
STEADY_ROUNDS = (12, 36)  # of a further launch, at least and at most ...
FEWEST_ROUNDS = 4  # ... or as many as there is time for: fewer have no quarter to leave out
LEAST_FURTHER = 6  # launches
LONGEST_S = 3600.0  # to plan for where there is no end
HAND_OVER = 1.4  # a round takes so many times its calls (`bench/test_allocation.py` prints 1.3 to 1.6)
MIN_LAUNCHES = 3
MAX_LAUNCHES = 20


@dataclass(frozen=True)
class Turn:
    """What a worker does when its turn comes: ``discard`` calls that do not count, then ``calls`` that do.

    With ``shake`` it draws another heap layout first.
    """

    discard: int
    calls: int
    shake: bool = False


def plan_turn(call_s: float) -> Turn:
    """Plan a turn for a backend whose call takes about ``call_s`` seconds.

    The first calls after a hand-over find cold caches, so they are not counted: `SETTLE_CALLS`, more of short ones
    (as many as last `SETTLE_S`), one of slow ones.

    >>> plan_turn(0.010), plan_turn(0.0001)
    (Turn(discard=2, calls=2, shake=False), Turn(discard=20, calls=120, shake=False))
    """
    call_s = max(call_s, 1e-7)
    calls = min(MAX_CALLS, max(MIN_CALLS, math.ceil(round(TURN_S / call_s, 6))))
    if call_s > 0.5:
        calls = 1
    least = 1 if call_s > SLOW_CALL_S else SETTLE_CALLS
    return Turn(discard=max(least, min(40, math.ceil(round(SETTLE_S / call_s, 6)))), calls=calls)


def turn_of_round(turn: Turn, round_index: int) -> Turn:
    """Return the turn of one round: every so often it begins with another heap layout, which needs calls to settle.

    >>> turn_of_round(Turn(1, 2), 0), turn_of_round(Turn(1, 2), 1)
    (Turn(discard=4, calls=2, shake=True), Turn(discard=1, calls=2, shake=False))
    """
    if round_index % SHAKE_EVERY:
        return turn
    return Turn(max(turn.discard, SHAKE_SETTLE_CALLS), turn.calls, shake=True)


def turn_order(count: int, launch: int, round_index: int) -> tuple[int, ...]:
    """Return the order in which ``count`` backends take their turns.

    Two alternate, and who begins changes with the launch: the machine's speed lasts for a few turns, and two turns of
    one side in a row would leave more of that in the ratio (docs/figures.md). More than two turn by one each round and
    start one later each launch, so that over ``count`` rounds everyone has been everywhere.

    >>> turn_order(2, 0, 0), turn_order(2, 0, 1), turn_order(2, 1, 0)
    ((0, 1), (0, 1), (1, 0))
    >>> turn_order(3, 0, 0), turn_order(3, 0, 1), turn_order(3, 1, 0)
    ((0, 1, 2), (1, 2, 0), (1, 2, 0))
    """
    shift = launch if count == 2 else launch + round_index
    return tuple((index + shift) % count for index in range(count))


def round_seconds(turns: Sequence[Turn], call_s: Sequence[float]) -> float:
    """Return how long a round of these turns takes.

    >>> round_seconds([Turn(1, 3), Turn(2, 6)], [0.25, 0.125])
    2.0
    """
    return sum((turn.discard + turn.calls) * seconds for turn, seconds in zip(turns, call_s, strict=True))


def plan_rounds(turns: Sequence[Turn], call_s: Sequence[float], load_s: float, budget_s: float) -> int:
    """Return how many rounds a launch has, so that `MIN_LAUNCHES` launches fit the budget if they can."""
    affordable = (budget_s / MIN_LAUNCHES - load_s) / max(round_seconds(turns, call_s), 1e-9)
    return int(min(ROUNDS_PER_LAUNCH, max(MIN_ROUNDS, affordable)))


def steady_rounds(scatter: Scatter, round_s: float, load_s: float, time_s: float, launches: int) -> int:
    """Return how many rounds each of some further launches has, so that their mean is surest in a given time.

    So many at most that `LEAST_FURTHER` launches fit into the time where as many are wanted, for the interval rests on
    their number. A machine's own slow changes make more than the most of `STEADY_ROUNDS` worth less than they cost;
    fewer than the least would trust a scatter that few launches have shown.
    """
    round_s = max(round_s * HAND_OVER, 1e-9)
    affordable = (time_s / min(launches, LEAST_FURTHER) - load_s) / round_s
    wanted = scatter.best_rounds(load_s, round_s, min(max(time_s, 1e-9), LONGEST_S), *STEADY_ROUNDS)
    return round(max(FEWEST_ROUNDS, min(affordable, wanted)))


def why_stop(
    launches: int, widest: float, precision: float, spent_s: float, launch_s: float, budget_s: float
) -> str | None:
    """Return why no further launch is made, or None.

    Args:
        launches: finished ones.
        widest: the widest half-width among the case's speedups, as a fraction.
        precision: the half-width that is enough.
        spent_s: seconds since the case's measurement began.
        launch_s: what one launch takes.
        budget_s: the case's budget; two launches are made even where it does not last.
    """
    if launches < 2:
        return None
    if launches >= MIN_LAUNCHES and widest <= precision:
        return "precise"
    if launches >= MAX_LAUNCHES:
        return "launches"
    if spent_s + launch_s > budget_s:
        return "budget"
    return None
