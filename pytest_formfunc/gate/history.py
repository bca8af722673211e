"""What saved runs of one machine tell of how a speedup moves from run to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

# Until enough runs are saved: the standard deviation of the log speedup from run to run beyond what launches within a
# run show, and how many runs that belief is worth.
PRIOR_SD = 0.025
PRIOR_RUNS = 12


@dataclass(frozen=True)
class RunNoise:
    """How a case's log speedup scatters from run to run, what launches within a run show included.

    Attributes:
        variance: of one run.
        steps: successive differences of saved runs that it was learnt from.
    """

    variance: float
    steps: int


def learn_noise(logs: Sequence[float], within: float) -> RunNoise:
    """Learn the noise of a case from its saved runs, oldest first, starting from the prior.

    The runs' variance is half the mean square of successive differences (von Neumann et al., Annals of Mathematical
    Statistics 12, 1941): a slow drift or one real change among many runs adds little to it, and what it adds makes
    the gate more careful. The prior is what launches show within a run and `PRIOR_SD` beside it; it counts as
    `PRIOR_RUNS` runs, so that a calm history makes the gate sharper, and a restless one more careful.

    Args:
        logs: the log speedup of each run.
        within: the typical variance of one by the bootstrap within it.
    """
    steps = [(later - earlier) ** 2 / 2 for earlier, later in pairwise(logs)]
    prior = within + PRIOR_SD**2
    return RunNoise((PRIOR_RUNS * prior + sum(steps)) / (PRIOR_RUNS + len(steps)), len(steps))
