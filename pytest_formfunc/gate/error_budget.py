"""Share the probability of a false alarm among the looks at a comparison, and among the comparisons of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

# Probability that a run of unchanged code has any failed test.
FAMILY_ALPHA = 0.01
# The part of it that verdicts on several comparisons together share; each comparison has its share of the rest.
POOLED_SHARE = 0.2
SPENDING_POWER = 1.5
# If the engine executes the same kernels, a loss in time is less credible: it is tested at this fraction of its level.
SAME_KERNELS_SHARE = 0.25
# And that there is none is more credible: it may be missed with this many times the probability.
SAME_KERNELS_MISS = 1.5


def alpha_of_single(comparisons: int) -> float:
    """Return the probability of any false alarm that single comparisons share, where they are pooled as well.

    >>> round(alpha_of_single(8), 6), alpha_of_single(1)
    (0.008, 0.01)
    """
    return FAMILY_ALPHA * (1 - POOLED_SHARE) if comparisons > 1 else FAMILY_ALPHA


def alpha_of_pool(pools: int) -> float:
    """Return the level of each of so many verdicts on several comparisons together (Bonferroni).

    >>> round(alpha_of_pool(4), 6)
    0.0005
    """
    return FAMILY_ALPHA * POOLED_SHARE / max(1, pools)


def spent_by(alpha: float, fraction: float) -> float:
    """Return how much of ``alpha`` may have been spent once a ``fraction`` of the samples has been measured.

    It grows with a power of the fraction (Kim & DeMets, Biometrika 74, 1987, for Lan & DeMets' spending functions).
    Most is kept for the last look, because only that one has enough launches to detect a small loss; a big loss is
    still found early.

    >>> spent_by(0.05, 0.0), round(spent_by(0.05, 0.5), 4), spent_by(0.05, 1.0)
    (0.0, 0.0177, 0.05)
    """
    return float(alpha * min(max(fraction, 0.0), 1.0) ** SPENDING_POWER)


@dataclass
class Looks:
    """The looks at one comparison: each tests at what the spending function allows beyond the looks before it.

    By the union bound all looks together spend at most ``alpha``, however they depend on each other.

    Attributes:
        alpha: the level of the comparison.
        taken: the number of looks so far.
    """

    alpha: float
    taken: int = 0
    _spent: float = field(default=0.0, repr=False)

    def next_alpha(self, fraction: float) -> float:
        """Begin a look and return the level to test at.

        Args:
            fraction: samples measured so far / samples at the last look that there may be.
        """
        total = spent_by(self.alpha, fraction)
        share, self._spent = max(total - self._spent, 0.0), max(total, self._spent)
        self.taken += 1
        return share


@dataclass
class Family:
    """All comparisons of a run, judged in their order: the fallback procedure (Wiens & Dmitrienko, 2005).

    Each comparison has an equal share of ``alpha``, and one that finds a loss passes its level on to the next. The
    probability of any false alarm is at most ``alpha``, however the comparisons depend on each other, and no
    comparison has a lower level than Bonferroni's.

    Where several processes judge parts of it at the same time there is no order: each comparison has its share alone,
    which is Bonferroni's.

    Attributes:
        size: the number of comparisons, in all processes together.
        alpha: the probability of any false alarm.
        in_order: whether all comparisons are made here, in their order.
    """

    size: int
    alpha: float = FAMILY_ALPHA
    in_order: bool = True
    _carried: float = field(default=0.0, repr=False)

    def next_looks(self) -> Looks:
        """Begin the next comparison."""
        return Looks(self._carried + self.alpha / max(1, self.size))

    def settle(self, looks: Looks, rejected: bool) -> None:
        """End a comparison; if it found a loss (``rejected``), the next comparison gets its level as well.

        A gain is no rejection: what is tested at the level is that nothing was lost.

        One that ended without a look has spent nothing of what it was given, which is handed on.
        """
        if rejected or looks.taken:
            self._carried = looks.alpha if rejected and self.in_order else 0.0
