"""Decide whose turn it is and when to stop: pure functions that use neither a clock nor processes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_formfunc.measure.protocol import Turn
from pytest_formfunc.stats.allocation import Scatter
from pytest_formfunc.stats.servers import ENOUGH_SERVERS

TURN_S = 0.012  # duration of a turn's counted calls; 3, 6, 15 and 30 ms repeated no better (docs/figures.md)
# At the start of a turn the caches hold the other engine's data and the engine's own threads must wake up. The calls
# that this affects are discarded: those of this duration, but at least this many; only one if a call takes so long that
# the second is as long as later ones (`bench/test_settling.py`).
SETTLE_S = 0.002
SETTLE_CALLS = 2
SLOW_CALL_S = 0.01
MIN_CALLS = 2
ONE_CALL_S = 0.1  # of calls that are longer one is counted: it averages over what changes within a turn
MAX_CALLS = 400
# A turn ends early when it has taken this many times as long as planned: beside other programs a call may take a
# thousand times as long, and what such a turn counts is discarded anyway.
LIMIT_TIMES = 10
LEAST_LIMIT_S = 0.2
ROUNDS_PER_LAUNCH = 8
LATER_ROUNDS = (5, 15)  # fewest and most rounds of a launch whose number depends on how much the first ones scattered
VERDICT_ROUNDS = 5  # in place of `ROUNDS_PER_LAUNCH` where a verdict follows, which looks again where they are too few
MIN_ROUNDS = 3
STEADY_ROUNDS = (12, 36)  # fewest and most rounds of a further launch, if time allows
FEWEST_ROUNDS = 4  # of a further launch in any case: a trimmed mean of fewer rounds leaves none out
LEAST_FURTHER = 6  # the time for further launches must be enough for this many
MOST_LOADS = 3  # that the fewest rounds of a further launch may take, where that is fewer than `STEADY_ROUNDS`
LONGEST_S = 3600.0  # the time to plan for if there is no limit
HAND_OVER = 1.4  # duration of a round / duration of its calls (`bench/test_parking.py` prints 1.4 to 1.5)
WANTED_LAUNCHES = ENOUGH_SERVERS + 1  # the fewest that can show that a speedup is precise
MAX_LAUNCHES = 40


def plan_turn(call_s: float) -> Turn:
    """Plan a turn for a participant whose call takes about ``call_s`` seconds.

    The first calls after another participant's turn find cold caches, so they are discarded: `SETTLE_CALLS` of them,
    or more if these take less than `SETTLE_S`, but only one if a call takes more than `SLOW_CALL_S`.

    >>> plan_turn(0.020), plan_turn(0.0001)
    (Turn(discard=1, calls=2, limit_s=0.6), Turn(discard=20, calls=120, limit_s=0.2))
    """
    call_s = max(call_s, 1e-7)
    calls = min(MAX_CALLS, max(MIN_CALLS, math.ceil(round(TURN_S / call_s, 6))))
    if call_s > ONE_CALL_S:
        calls = 1
    least = 1 if call_s > SLOW_CALL_S else SETTLE_CALLS
    discard = max(least, min(40, math.ceil(round(SETTLE_S / call_s, 6))))
    return Turn(discard, calls, limit_s=max(LEAST_LIMIT_S, round(LIMIT_TIMES * (discard + calls) * call_s, 6)))


def turn_order(count: int, launch: int, round_index: int) -> tuple[int, ...]:
    """Return the order in which ``count`` participants take their turns.

    Two participants alternate, and the one that begins changes with each launch. The machine's speed stays similar for
    a few turns, and two turns of one participant in a row would leave more of its changes in the ratio
    (docs/figures.md). The order of more than two is rotated by one with each round and with each launch, so that over
    ``count`` rounds each has been at every position.

    >>> turn_order(2, 0, 0), turn_order(2, 0, 1), turn_order(2, 1, 0)
    ((0, 1), (0, 1), (1, 0))
    >>> turn_order(3, 0, 0), turn_order(3, 0, 1), turn_order(3, 1, 0)
    ((0, 1, 2), (1, 2, 0), (1, 2, 0))
    """
    shift = launch if count == 2 else launch + round_index
    return tuple((index + shift) % count for index in range(count))


def round_seconds(turns: Sequence[Turn], call_s: Sequence[float]) -> float:
    """Return the seconds that the calls of a round take, given its turns and the seconds of a call of each.

    >>> round_seconds([Turn(1, 3), Turn(2, 6)], [0.25, 0.125])
    2.0
    """
    return sum((turn.discard + turn.calls) * seconds for turn, seconds in zip(turns, call_s, strict=True))


def plan_rounds(round_s: float, load_s: float, budget_s: float, most: int = ROUNDS_PER_LAUNCH) -> int:
    """Return the number of rounds of a first launch, so that `WANTED_LAUNCHES` fit the budget if possible."""
    affordable = (budget_s / WANTED_LAUNCHES - load_s) / max(round_s * HAND_OVER, 1e-9)
    return int(min(most, max(MIN_ROUNDS, affordable)))


def later_rounds(scatter: Scatter, round_s: float, load_s: float, budget_s: float) -> int:
    """Return the number of rounds of the launches after the first ones, for the narrowest 95% interval in a budget.

    Where rounds scatter more than launches, more of them are worth their time.

    Args:
        scatter: variances of the log ratio that is known least.
        round_s: seconds that the calls of a round take.
        load_s: seconds to load a launch.
        budget_s: seconds for all launches.
    """
    round_s = max(round_s * HAND_OVER, 1e-9)
    affordable = (budget_s / WANTED_LAUNCHES - load_s) / round_s
    wanted = scatter.best_rounds(load_s, round_s, min(budget_s, LONGEST_S), *LATER_ROUNDS, alpha=0.05)
    return round(max(MIN_ROUNDS, min(affordable, wanted)))


def steady_rounds(scatter: Scatter, round_s: float, load_s: float, time_s: float, launches: int) -> int:
    """Return the number of rounds of each further launch that makes their mean most precise in a given time.

    There are at most so many that `LEAST_FURTHER` launches, or ``launches`` if that is fewer, fit into the time,
    because the interval depends on the number of launches. Rounds beyond the maximum of `STEADY_ROUNDS` would gain less
    than they cost, because the machine's speed changes slowly; fewer than its minimum would rely too much on a scatter
    that only few launches have shown. Where calls are so long that the minimum would take more than `MOST_LOADS` times
    as long as loading, fewer are the minimum: further launches are worth more then.

    Args:
        scatter: variances of the log ratio in question.
        round_s: seconds that the calls of a round take.
        load_s: seconds to load a launch.
        time_s: seconds for all further launches together.
        launches: number of further launches that were asked for.
    """
    round_s = max(round_s * HAND_OVER, 1e-9)
    affordable = (time_s / min(launches, LEAST_FURTHER) - load_s) / round_s
    least, most = STEADY_ROUNDS
    least = min(least, max(FEWEST_ROUNDS, math.ceil(MOST_LOADS * load_s / round_s)))
    wanted = scatter.best_rounds(load_s, round_s, min(max(time_s, 1e-9), LONGEST_S), least, most)
    return round(max(FEWEST_ROUNDS, min(affordable, wanted)))


def why_stop(
    quiet: Sequence[int],
    launches: int,
    pool: int,
    widths: Sequence[float],
    precision: float,
    left_s: float,
    launch_s: float,
) -> str | None:
    """Return why no further launch is made, or None.

    The interval must be narrow enough after two launches in turn: to stop at the first would choose the moments at
    which the launches happen to agree, and the interval would hold the truth less often than it says
    (`tests/stats/test_servers.py`).

    Args:
        quiet: the server that each undisturbed launch was forked from.
        launches: number of finished launches, disturbed ones included.
        pool: number of servers that there are.
        widths: after each launch, the widest half-width among the case's speedups, as a fraction.
        precision: the half-width to reach, as a fraction.
        left_s: seconds that are left for the case; two launches are made even if none are.
        launch_s: seconds that one launch takes.
    """
    if launches < 2:
        return None
    if (
        len(quiet) > ENOUGH_SERVERS
        and len(set(quiet)) > min(ENOUGH_SERVERS, pool - 1)
        and max(widths[-2:]) <= precision
    ):
        return "precise"
    if launches >= MAX_LAUNCHES:
        return "launches"
    return "budget" if launch_s > left_s else None
