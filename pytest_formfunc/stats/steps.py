"""Steps in a curve that was measured again and again: where latency jumps from one width to the next.

A jump is the change from one width to the next, beyond the changes near it; all widths are measured in each round, so
that what a round has in common (the machine's pace) is in no change. It counts if Student's t over the rounds says so,
its error moderated by that of all places and its chance shared out over them (Bonferroni), if it is beyond what other
places scatter by, and if it is worth mentioning. A curve that only rises, however steep, has none. A single odd point
is a jump up and one down again, not a step.

Libraries for change points (ruptures) want the number of changes or a penalty for each, and give no certainty; the
rounds are what these figures have besides, and they do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pytest_formfunc.stats.checks import logs_of
from pytest_formfunc.stats.estimate import Estimate
from pytest_formfunc.stats.student import t_quantile

Array = NDArray[np.float64]

FEWEST_ROUNDS = 4
FEWEST_POINTS = 6
NEAR = 8  # changes on either side that say what is usual there
LEAST = 0.03  # of the latency; smaller jumps are not mentioned
_TO_DEVIATION = 1.4826  # the standard deviation of normal values is this times their median distance from the median


@dataclass(frozen=True)
class Step:
    """A jump between two neighbouring points.

    Attributes:
        before, after: the places of the points, from 0.
        ratio: the value after it over the value before it, beyond what is usual near it.
    """

    before: int
    after: int
    ratio: Estimate

    @property
    def rises(self) -> bool:
        """Return whether the value is greater after it."""
        return self.ratio.value > 1


def find_steps(rounds: Sequence[Sequence[float]], level: float = 0.95) -> list[Step]:
    """Return the steps of a curve, in order; none is a possible answer.

    Args:
        rounds: one or more rounds' values (all positive), each with one value for each point of the curve.
        level: the probability that a curve without steps has none found, and the coverage of each step's interval.

    Raises:
        ValueError: fewer than `FEWEST_ROUNDS` rounds or `FEWEST_POINTS` points, rounds of different lengths, or a value
            that is NaN, infinite, 0 or less.
    """
    if len({len(one) for one in rounds}) != 1 or len(rounds) < FEWEST_ROUNDS or len(rounds[0]) < FEWEST_POINTS:
        raise ValueError(f"steps need at least {FEWEST_ROUNDS} rounds of at least {FEWEST_POINTS} points")
    changes = np.diff(logs_of(np.asarray(rounds, dtype=float)), axis=1)
    count = changes.shape[1]
    means = np.median(changes, axis=0) if len(rounds) > 2 * FEWEST_ROUNDS else changes.mean(axis=0)
    own = changes.var(axis=0, ddof=1)
    # The scatter of one place is known from few rounds: it counts together with the middle one of all places, which is
    # worth as many (Smyth, Statistical Applications in Genetics and Molecular Biology 3, 2004).
    errors = np.sqrt((own + float(np.median(own))) / 2 / len(rounds))
    usual = np.asarray([_usual(means, at) for at in range(count)])
    jumps = means - usual
    scatter = _TO_DEVIATION * float(np.median(np.abs(jumps - np.median(jumps))))
    df = 2 * (len(rounds) - 1)
    sure = t_quantile((1 - level) / count, df)
    told = t_quantile(1 - level, df)
    far = t_quantile((1 - level) / count, 30.0)  # of the scatter of the places, which is known better than one error
    found = []
    for at in range(count):
        error = float(errors[at])
        if abs(jumps[at]) < max(sure * error, far * scatter, math.log1p(LEAST)):
            continue
        center, reach = float(jumps[at]), told * error
        ratio = Estimate(math.exp(center), math.exp(center - reach), math.exp(center + reach), level, len(rounds))
        found.append(Step(at, at + 1, ratio))
    return _without_odd_points(found)


def _usual(means: Array, at: int) -> float:
    """Return the median change near a place, that place left out; steps are few among its neighbours."""
    near = [means[other] for other in range(max(0, at - NEAR), min(len(means), at + NEAR + 1)) if other != at]
    return float(np.median(near))


def _without_odd_points(steps: Sequence[Step]) -> list[Step]:
    """Leave out a jump that the next place undoes: one point is odd then, and the curve goes on as before."""
    kept: list[Step] = []
    for step in steps:
        before = kept[-1] if kept else None
        undone = (
            before is not None
            and before.after == step.before
            and before.rises != step.rises
            and abs(math.log(before.ratio.value * step.ratio.value)) < abs(math.log(step.ratio.value)) / 2
        )
        if undone:
            kept.pop()
        else:
            kept.append(step)
    return kept


def highest(steps: Sequence[Step]) -> list[Step]:
    """Return the steps that rise by at least half as much (in logs) as the highest one, in order.

    >>> one, other = (Step(at, at + 1, Estimate(ratio, 1.0, 2.0)) for at, ratio in enumerate((1.3, 1.05)))
    >>> [step.before for step in highest([one, other])]
    [0]
    """
    rising = [step for step in steps if step.rises]
    most = max((math.log(step.ratio.value) for step in rising), default=0.0)
    return [step for step in rising if math.log(step.ratio.value) >= most / 2]


def spacing(steps: Sequence[Step], positions: Sequence[int]) -> int | None:
    """Return the greatest common distance of the steps that rise; None for fewer than two.

    Args:
        steps: of the curve.
        positions: the widths, by place; a step is where the last width before it is.

    >>> one = Estimate(1.2, 1.1, 1.3)
    >>> spacing([Step(1, 2, one), Step(3, 4, one)], [60, 64, 72, 80, 88])
    16
    """
    edges = [positions[step.before] for step in steps if step.rises]
    if len(edges) < 2:
        return None
    return math.gcd(*(later - edge for edge, later in pairwise(edges)))
