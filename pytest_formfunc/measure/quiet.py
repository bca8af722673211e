"""Decide whether other work on the machine disturbed a turn: pure functions of what the kernel counted.

Native's threads spin while they wait for each other. Where one of them does not get its core, a call may take a
thousand times as long, and the engine that it is compared with waits in another way: the ratio is then of no use,
however often it is repeated. So a disturbed round is measured again, and what stays disturbed is not a speedup.
"""

from __future__ import annotations

import enum

from pytest_formfunc.cards import is_slowed
from pytest_formfunc.measure.protocol import Disturbance

# Time that each thread waited for a core / wall time. On a quiet machine it is 0.001 to 0.003 in most turns, and above
# 0.05 in about one turn of thirty; a busy loop on one of two cores makes it 0.23 and more (docs/figures.md).
MOST_WAITING = 0.05
MOST_STOLEN = 0.05  # time that the hypervisor took / time of all cores
_TICK_S = 0.01  # the kernel counts stolen time in ticks, so that one of them proves nothing
# A process that neither ran nor queued for a core for most of a turn, which took far longer than its calls need, was
# not executed at all: it, or the whole machine, was frozen.
_FROZEN_SHARE = 0.25
_FROZEN_TIMES = 10
_FROZEN_S = 0.1
# Other programs' share of the cores' time, at least, for waiting to be their doing and not that of the engine's own
# threads, of which there may be more than cores.
LEAST_OTHERS = 0.05


class Cause(enum.Enum):
    """What disturbed a measurement; the value is a clause that follows the name of a case."""

    WAITING = "its threads waited for cores that other programs kept busy"
    STOLEN = "the hypervisor gave its cores to other machines"
    STOPPED = "its processes were stopped and continued"
    SLOW = "the machine was much slower than at its best: a small fixed network took more than 1.5 times as long"
    CARD = "its card was slowed down by heat, its power brake or its hardware"
    QUOTA = "the number of cores that this process may use fell below the number of threads"


_ADVICE = {
    Cause.STOLEN.value: "measure again when its host is less busy, or on another machine",
    Cause.STOPPED.value: "measure again",
    Cause.SLOW.value: "measure again later, or give it more time to wait (--formfunc-budget)",
    Cause.CARD.value: "cool the card, or wait until it is cool, and measure again (noise in the record has its clock)",
    Cause.QUOTA.value: "start the run again, so that it uses the cores that are left",
}
_CLOSE = "close what keeps the cores busy and measure again, or give it more time to wait (--formfunc-budget)"


def advice_on(cause: str) -> str:
    """Return what a user can do about a cause, given its clause."""
    return _ADVICE.get(cause, _CLOSE)


def why_disturbed(turn: Disturbance, threads: int, cores: int, expected_s: float) -> Cause | None:
    """Return what disturbed a turn, or None.

    Args:
        turn: what the kernel counted.
        threads: number of threads of the engine.
        cores: number of cores that this process may use.
        expected_s: seconds that the turn's calls take by earlier turns.
    """
    wall_s = max(turn.wall_s, 1e-9)
    frozen = (
        wall_s > max(_FROZEN_S, _FROZEN_TIMES * expected_s)
        and turn.cpu_s + turn.run_delay_s < _FROZEN_SHARE * wall_s
    )  # fmt: skip
    if turn.continued or frozen:
        return Cause.STOPPED
    if is_slowed(turn.slowed):
        return Cause.CARD
    if turn.run_delay_s / threads > MOST_WAITING * wall_s:
        return Cause.WAITING
    if turn.steal_s - _TICK_S > MOST_STOLEN * wall_s * cores:
        return Cause.STOLEN
    return None


def stolen_over(turns: list[Disturbance], cores: int) -> bool:
    """Return whether the hypervisor took too much of a launch, ticks of single turns being too coarse to tell."""
    wall_s = sum(turn.wall_s for turn in turns)
    return sum(turn.steal_s for turn in turns) - _TICK_S > MOST_STOLEN * wall_s * cores
