"""Learn from the saved runs of one machine how much a speedup varies from run to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

# The prior, for as long as few runs are saved: the standard deviation of the log speedup from run to run, beyond what
# the launches within a run show, and the number of runs that this counts for.
PRIOR_SD = 0.025
PRIOR_RUNS = 12


@dataclass(frozen=True)
class RunNoise:
    """How a case's log speedup varies from run to run, including what the launches within a run show.

    Attributes:
        variance: variance of the log speedup of one run.
        steps: number of differences between successive saved runs that it was learnt from.
    """

    variance: float
    steps: int


def learn_noise(logs: Sequence[float], within: float) -> RunNoise:
    """Learn the noise of a case from its saved runs, oldest first, starting from the prior.

    The runs' variance is half the mean square of successive differences (von Neumann et al., Annals of Mathematical
    Statistics 12, 1941): a slow drift or one real change among many runs adds little to it, and what it adds makes
    the gate more careful. The prior variance is that within a run plus the square of `PRIOR_SD`. It counts as
    `PRIOR_RUNS` runs, so that a steady history makes the gate more sensitive and a varying one less.

    Args:
        logs: the log speedup of each run.
        within: the typical variance of a run's log speedup, by the scatter of its servers.
    """
    steps = [(later - earlier) ** 2 / 2 for earlier, later in pairwise(logs)]
    prior = within + PRIOR_SD**2
    return RunNoise((PRIOR_RUNS * prior + sum(steps)) / (PRIOR_RUNS + len(steps)), len(steps))
