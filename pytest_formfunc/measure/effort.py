"""How much measuring is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.stats.allocation import Scatter

# Gives the number of rounds of a launch, from the seconds that the calls of a round take and those that loading took.
Plan = Callable[[float, float], int]


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        precision: stop when every speedup's half-width is below this fraction.
        budget_s: stop when the case has taken this many seconds.
        once: make one launch with one call of each participant, only to check parity.
        enough: stop after so many undisturbed launches, however precise they are, because a verdict follows that looks
            again where it must; where the last launches waited for a quiet moment in vain, after so many of any kind.
        limited: whether its tests have a floor or a ceiling too, which undisturbed launches alone can show.
    """

    precision: float
    budget_s: float
    once: bool = False
    enough: float = math.inf
    limited: bool = False

    @property
    def for_verdict(self) -> bool:
        """Return whether a verdict is all that follows.

        Disturbed launches will do for it, because both sides met the same other work; and so will few rounds, because
        it looks again where they do not.
        """
        return not math.isinf(self.enough) and not self.limited


@dataclass(frozen=True)
class MoreLaunches:
    """A request for further launches of a case.

    Attributes:
        launches: number of launches, whatever precision they reach.
        only: the participants that take part; all if empty.
        seconds: time limit, waiting for quiet moments included; no launch begins that would exceed it, as far as the
            time of the last ones tells.
        scatter: the scatter of the ratio in doubt, from which the most precise number of rounds is chosen; None for the
            same number as before.
        patient: whether disturbed rounds are measured again.
        least: launches that are made whatever time they take.
    """

    launches: int
    only: tuple[Participant, ...] = ()
    seconds: float = math.inf
    scatter: Scatter | None = None
    patient: bool = False
    least: int = 1
