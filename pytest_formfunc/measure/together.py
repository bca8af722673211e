"""Measure several cases in turn, launch by launch, and share the time that precise ones leave over.

A slow minute of the machine, in which native may lose more than the engine, then touches one launch of each case and
widens its interval, instead of moving all launches of one case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pytest_formfunc.measure.case_measurer import CaseMeasurer
from pytest_formfunc.measure.effort import Effort
from pytest_formfunc.measure.pace import Pace

GROUP = 8  # cases that are measured in turn, at most: the first of their tests waits for all of them
PATIENCE = 1.0  # times the cases' budgets may be waited, beside what measuring takes, while the machine is slow
VERDICT_PATIENCE = 0.25  # the same where a verdict follows, in which both sides are equally slow


@dataclass
class Reserve:
    """Time that cases left over, in seconds."""

    seconds: float = 0.0


def measure_together(
    cases: Sequence[tuple[CaseMeasurer, Effort]],
    reserve: Reserve,
    pace: Pace,
    ended: Callable[[int], None] = lambda index: None,
) -> None:
    """Measure cases until each is precise or has spent its budget, then give what is left where it is enough.

    It goes to those that it can probably make as precise as asked, and to as many of them as possible: on a restless
    machine the others would use it up, and have their star all the same.

    Args:
        cases: what to measure, and the effort for each.
        reserve: what earlier cases left over, which this changes.
        pace: says whether the machine is slow, so that it is worth while to wait.
        ended: is called with the index of each case that is precise or has spent its budget, while others go on.
    """
    left = list(range(len(cases)))
    pace.allow(sum((VERDICT_PATIENCE if one.for_verdict else PATIENCE) * one.budget_s for _, one in cases))
    while left:
        for index in tuple(left):
            if not _advance(*cases[index], pace):
                left.remove(index)
                ended(index)
    for measurer, effort in cases:
        if measurer.result.stopped == "precise":
            reserve.seconds += max(0.0, effort.budget_s - measurer.result.spent_s)
    waiting = [(measurer, effort) for measurer, effort in cases if measurer.result.stopped == "budget"]
    while waiting := _affordable(waiting, reserve.seconds):
        waiting = [pair for pair in waiting if _advance_on_reserve(*pair, reserve, pace)]


def _affordable(waiting: Sequence[tuple[CaseMeasurer, Effort]], seconds: float) -> list[tuple[CaseMeasurer, Effort]]:
    """Return those that need least time to become precise, as many as there are seconds for, in their order."""
    needs = sorted((measurer.needed_s(effort.precision), index) for index, (measurer, effort) in enumerate(waiting))
    chosen = set()
    for needed_s, index in needs:
        seconds -= needed_s
        if seconds < 0:
            break
        chosen.add(index)
    return [pair for index, pair in enumerate(waiting) if index in chosen]


def _advance(measurer: CaseMeasurer, effort: Effort, pace: Pace) -> bool:
    """Make one launch, if possible while the machine is not slow; return whether another is wanted."""
    if not effort.once:
        pace.wait()
    return measurer.advance(effort)


def _advance_on_reserve(measurer: CaseMeasurer, effort: Effort, reserve: Reserve, pace: Pace) -> bool:
    """Make one launch in the time that others left over; return whether another is wanted."""
    spent_s = measurer.result.spent_s
    if spent_s / max(measurer.launches, 1) > reserve.seconds:
        return False
    wanted = _advance(measurer, replace(effort, budget_s=spent_s + reserve.seconds), pace)
    reserve.seconds = max(0.0, reserve.seconds - (measurer.result.spent_s - spent_s))
    return wanted
