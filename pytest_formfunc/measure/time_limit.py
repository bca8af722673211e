"""Keep further launches within their time, waiting for quiet moments and for a better pace included."""

from __future__ import annotations

from pytest_formfunc.measure.effort import MoreLaunches
from pytest_formfunc.measure.rounds import Conditions

PATIENCE_S = 0.5  # time to wait for quiet rounds in each further launch, if it waits at all


class TimeLimit:
    """The time of some further launches.

    The clock leaves out what the pace has waited, because no measurement took longer for that; a limit does not.
    """

    def __init__(self, more: MoreLaunches, conditions: Conditions, launch_s: float) -> None:
        """Begin.

        Args:
            more: how many launches were asked for, and how long they may take.
            conditions: what the measurement depends on.
            launch_s: seconds that a launch has taken so far, on average.
        """
        self._more = more
        self._conditions = conditions
        self._launch_s = launch_s
        self._until_s = self._now_s() + more.seconds
        self._made = 0
        self._began_s = 0.0

    def begin(self) -> bool:
        """Return whether there is time for another launch, which then begins; it may take as long as the last one."""
        if self._made:
            self._launch_s = self._conditions.clock() - self._began_s
        left_s = self._until_s - self._now_s()
        if self._made >= self._more.least and self._launch_s > left_s:
            return False
        if self._more.patient:  # what is left is also for quiet rounds, and for the end of the last one
            self._conditions.pace.allow(max(0.0, left_s - self._launch_s - 2 * PATIENCE_S))
        self._made += 1
        self._began_s = self._conditions.clock()
        return True

    def patience_s(self, planned_s: float) -> float:
        """Return the seconds that the launch in progress may wait for quiet rounds, if it takes so long without."""
        return min(PATIENCE_S, self._until_s - self._now_s() - planned_s) if self._more.patient else 0.0

    def _now_s(self) -> float:
        return self._conditions.clock() + self._conditions.pace.waited_s
