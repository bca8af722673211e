"""How the chance of a false alarm is shared out: over looks at one comparison, and over the comparisons of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

# Chance of any red test in a whole run of unchanged code.
FAMILY_ALPHA = 0.01
SPENDING_POWER = 1.5
# Where the engine executes the same kernels, a loss in time is less credible: it is tested at this share of its level.
SAME_KERNELS_SHARE = 0.25


def spent_by(alpha: float, fraction: float) -> float:
    """Return how much of ``alpha`` may have been spent when a ``fraction`` of the samples is there.

    A power of the fraction (Kim & DeMets, Biometrika 74, 1987, for Lan & DeMets' spending functions): most is kept for
    the last look, which alone has launches enough to see a small loss; a big one is still caught early.

    >>> spent_by(0.05, 0.0), round(spent_by(0.05, 0.5), 4), spent_by(0.05, 1.0)
    (0.0, 0.0177, 0.05)
    """
    return float(alpha * min(max(fraction, 0.0), 1.0) ** SPENDING_POWER)


@dataclass
class Looks:
    """The looks at one comparison: each may spend what the spending function allows it beyond the last one.

    Every look is tested at its own increment, so by the union bound all of them together spend at most ``alpha``,
    whatever their dependence.
    """

    alpha: float
    taken: int = 0
    _spent: float = field(default=0.0, repr=False)

    def next_alpha(self, fraction: float) -> float:
        """Take a look at a fraction of the most samples; return the level to test it at."""
        total = spent_by(self.alpha, fraction)
        share, self._spent = max(total - self._spent, 0.0), max(total, self._spent)
        self.taken += 1
        return share


@dataclass
class Family:
    """All comparisons of a run, judged in their order: the fallback procedure (Wiens & Dmitrienko, 2005).

    Each has an equal share of ``alpha``; one that is found to have changed hands its level on to the next. The chance
    of any false alarm is at most ``alpha``, whatever the dependence, and no comparison has less than Bonferroni gives.
    """

    size: int
    alpha: float = FAMILY_ALPHA
    _carried: float = field(default=0.0, repr=False)

    def next_looks(self) -> Looks:
        """Begin the next comparison."""
        return Looks(self._carried + self.alpha / max(1, self.size))

    def settle(self, looks: Looks, rejected: bool) -> None:
        """End a comparison: a level that found a change is free for the next one."""
        self._carried = looks.alpha if rejected else 0.0
