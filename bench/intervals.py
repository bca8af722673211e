"""Statistics of the benches behind our figures: floats in, a ratio or a probability out."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from pytest_formfunc.stats import Estimate
from pytest_formfunc.stats.servers import ENOUGH_SERVERS, PRIOR_DF
from pytest_formfunc.stats.student import Mean, log_interval, t_quantile, two_sided_p, weighted_mean


def median_ratio(ratios: Sequence[float], level: float = 0.95, draws: int = 5000) -> Estimate:
    """Return the median of paired ratios with its percentile-bootstrap interval."""
    generator = random.Random(0)
    medians = sorted(median(generator.choices(ratios, k=len(ratios))) for _ in range(draws))
    low = medians[math.floor((1 - level) / 2 * draws)]
    high = medians[math.ceil((1 + level) / 2 * draws) - 1]
    return Estimate(median(ratios), low, high, level, len(ratios))


def within(estimate: Estimate, fraction: float) -> bool:
    """Return whether a ratio's value is within ``fraction`` of 1."""
    return 1 - fraction <= estimate.value <= 1 + fraction


def bound(events: int, trials: int) -> float:
    """Return the 95% upper bound of a probability: exact where there were no events, else Wilson's (1927)."""
    if not trials:
        return 1.0
    if not events:
        return 1 - 0.05 ** (1 / trials)
    z, share = 1.645, events / trials
    center = share + z * z / (2 * trials)
    reach = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return (center + reach) / (1 + z * z / trials)


def at_least(events: int, trials: int, probability: float) -> float:
    """Return the probability of at least so many events, each of which has the given probability (binomial)."""
    return math.fsum(
        math.comb(trials, count) * probability**count * (1 - probability) ** (trials - count)
        for count in range(events, trials + 1)
    )


def binomial_interval(events: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a probability (Clopper & Pearson, Biometrika 26, 1934)."""
    tail = (1 - level) / 2
    low = _root(lambda p: at_least(events, trials, p) - tail) if events else 0.0
    high = _root(lambda p: tail - (1 - at_least(events + 1, trials, p))) if events < trials else 1.0
    return low, high


def _root(rising) -> float:
    """Return where a function of a probability that rises with it is 0."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2


def difference(one: Mean, other: Mean) -> Mean:
    """Return ``one`` - ``other``, with the degrees of freedom of Welch (1947) and Satterthwaite (1946)."""
    parts = [one.standard_error**2, other.standard_error**2]
    variance = sum(parts)
    squares = parts[0] ** 2 / one.df + parts[1] ** 2 / other.df
    return Mean(one.value - other.value, math.sqrt(variance), variance**2 / squares if squares else one.df + other.df)


def in_errors(mean: Mean) -> float:
    """Return a mean in units of its standard error."""
    return mean.value / mean.standard_error if mean.standard_error else math.copysign(math.inf, mean.value)


def is_beyond(mean: Mean, level: float = 0.95) -> bool:
    """Return whether the interval of a mean leaves 0 out."""
    return abs(in_errors(mean)) > t_quantile(1 - level, mean.df)


def welch_ratio(over: Sequence[float], under: Sequence[float], level: float = 0.95) -> Estimate:
    """Return the ratio of the geometric means of two independent samples, given their logs, with Welch's interval."""
    found = difference(weighted_mean(over), weighted_mean(under))
    reach = t_quantile(1 - level, found.df) * found.standard_error
    return log_interval(found.value, reach, level, len(over) + len(under))


def log_of(estimate: Estimate) -> Mean:
    """Return the log of an estimate over servers, with the error and the degrees of freedom that its interval has."""
    df = estimate.n - 1.0 if estimate.n >= ENOUGH_SERVERS else PRIOR_DF + estimate.n - 1
    reach = (math.log(estimate.high) - math.log(estimate.low)) / 2
    return Mean(math.log(estimate.value), reach / t_quantile(1 - estimate.level, df), df)


def mean_of_others(means: Sequence[Mean], index: int) -> Mean:
    """Return the mean of all but one, weighted by precision; its error is that which they show themselves."""
    others = [mean for place, mean in enumerate(means) if place != index]
    return weighted_mean([mean.value for mean in others], [mean.standard_error**-2 for mean in others])


def count_held(rows: Mapping[str, Sequence[Mean]], least: int = 4) -> tuple[int, int]:
    """Return how many intervals hold the mean of their row's other repeats, and how many intervals there are.

    Args:
        rows: the repeats of each row.
        least: rows of fewer repeats are left out: the others do not show how far their mean may be off.
    """
    held = total = 0
    for means in rows.values():
        if len(means) >= least:
            total += len(means)
            held += sum(not is_beyond(difference(one, mean_of_others(means, at))) for at, one in enumerate(means))
    return held, total


def weighted_difference(differences: Sequence[Mean]) -> tuple[float, float]:
    """Return the mean of differences, weighted by precision, and the standard error that theirs give it."""
    total = math.fsum(one.standard_error**-2 for one in differences)
    return math.fsum(one.value * one.standard_error**-2 for one in differences) / total, total**-0.5


@dataclass(frozen=True)
class Rows:
    """Rows of runs beside reference values: how many claim a value, and how many of these miss the reference.

    Attributes:
        claimed: number of rows with a value.
        missed: names of those of them whose difference from the reference is beyond its 95% interval.
        unclaimed: number of rows without a value.
    """

    claimed: int = 0
    missed: tuple[str, ...] = ()
    unclaimed: int = 0

    def __add__(self, other: Rows) -> Rows:
        """Return the rows of both."""
        return Rows(self.claimed + other.claimed, self.missed + other.missed, self.unclaimed + other.unclaimed)

    @property
    def chance(self) -> float:
        """Return the probability that at least as many miss it if each does with 5% (one-sided binomial test)."""
        return at_least(len(self.missed), self.claimed, 0.05)


def beside(found: Mapping[str, Estimate | None], reference: Mapping[str, Estimate | None]) -> Rows:
    """Compare a run's rows with reference values that have errors of their own; rows without a reference are left out.

    Args:
        found: the run's estimates by name; None where a row claims none.
        reference: the estimates to compare with, by the same names.
    """
    rows = Rows()
    for name, estimate in found.items():
        known = reference.get(name)
        if known is None:
            continue
        if estimate is None:
            rows += Rows(unclaimed=1)
            continue
        missed = is_beyond(difference(log_of(estimate), log_of(known)))
        rows += Rows(1, (name,) if missed else ())
    return rows


@dataclass(frozen=True)
class Repeats:
    """Differences between repeats of the same rows.

    Attributes:
        count: number of differences.
        beyond: number of them that are beyond twice their standard error.
        due: number that are due by Student's t, if all rows are the same and their intervals true.
        outside: number of them that are beyond their own 95% interval, where 5% are due.
    """

    count: int
    beyond: int
    due: float
    outside: int


def compare_repeats(differences: Sequence[Mean]) -> Repeats:
    """Count how many differences of the same rows are beyond what their errors allow."""
    return Repeats(
        count=len(differences),
        beyond=sum(abs(in_errors(one)) > 2 for one in differences),
        due=math.fsum(two_sided_p(2.0, one.df) for one in differences),
        outside=sum(is_beyond(one) for one in differences),
    )


def mean_of_rows(rows: Sequence[Mean]) -> Mean:
    """Return the mean of at least one row, with the error that the rows' own errors give it, each independent."""
    variance = math.fsum(row.standard_error**2 for row in rows) / len(rows) ** 2
    squares = math.fsum(row.standard_error**4 / row.df for row in rows) / len(rows) ** 4
    df = variance**2 / squares if squares else math.fsum(row.df for row in rows)  # Welch and Satterthwaite
    return Mean(math.fsum(row.value for row in rows) / len(rows), math.sqrt(variance), df)


@dataclass(frozen=True)
class Between:
    """How runs differ, each of which is one independent unit.

    Attributes:
        mean: the mean over runs, as a ratio, with Student's interval from the runs' own scatter.
        sd: standard deviation between runs, on the log scale, beyond what the runs' own errors explain.
        most: 95% upper bound of it.
    """

    mean: Estimate
    sd: float
    most: float


def between_runs(runs: Sequence[Mean]) -> Between:
    """Return the mean of at least two runs, and how much more they differ than their own errors explain.

    The variance beyond the runs' errors is their sample variance less the mean of the errors' squares (the moment
    estimate of Hedges & Olkin, Statistical Methods for Meta-Analysis, 1985), and 0 at least. Its bound takes the sample
    variance for that of normal values, by chi-square, and the errors as known; it is 0 where the runs surely scatter
    less than their errors say.

    Args:
        runs: the log of each run's ratio, with its error.
    """
    mean = weighted_mean([run.value for run in runs])
    seen = mean.standard_error**2 * len(runs)
    explained = math.fsum(run.standard_error**2 for run in runs) / len(runs)
    df = len(runs) - 1
    highest = seen * df / chi_square_quantile(0.05, df)
    reach = t_quantile(0.05, df) * mean.standard_error
    return Between(
        log_interval(mean.value, reach, 0.95, len(runs)),
        math.sqrt(max(seen - explained, 0.0)),
        math.sqrt(max(highest - explained, 0.0)),
    )


def chi_square_quantile(probability: float, df: float) -> float:
    """Return the value that a chi-square variable is below with a probability between 0 and 1."""
    high = df
    while _chi_square(high, df) < probability:
        high *= 2
    return high * _root(lambda share: _chi_square(share * high, df) - probability)


def _chi_square(value: float, df: float) -> float:
    """Return the probability that a chi-square variable is below a value (Abramowitz & Stegun, 26.4.6)."""
    if value <= 0:
        return 0.0
    term = total = 1.0
    place = df
    while term > 1e-16 * total:
        place += 2
        term *= value / place
        total += term
    return total * math.exp(df / 2 * math.log(value / 2) - value / 2 - math.lgamma(df / 2 + 1))
