"""What repeated comparisons of the same code say of a side: its changes, run by run, and how runs differ."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from intervals import Between, between_runs, bound, mean_of_rows

from pytest_formfunc.records import Record
from pytest_formfunc.stats import Estimate
from pytest_formfunc.stats.student import Mean, t_quantile


def log_of_change(change: Estimate) -> Mean:
    """Return the log of a verdict's change with its error: its interval is Student's over as many servers as it has."""
    df = change.n - 1.0
    reach = (math.log(change.high) - math.log(change.low)) / 2
    return Mean(math.log(change.value), reach / t_quantile(1 - change.level, df), df)


@dataclass
class Bias:
    """What the runs found.

    Attributes:
        runs: the logs of each run's changes, by case.
        verdicts: how many of each kind there were, by case.
        reasons: the sentences of those that were red.
        unjudged: number of rows without a change, or with an open interval.
    """

    runs: list[dict[str, Mean]] = field(default_factory=list)
    verdicts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    reasons: list[str] = field(default_factory=list)
    unjudged: int = 0

    def add(self, records: Iterable[Record]) -> None:
        """Add a run's records."""
        changes = {}
        for record in records:
            if record.native or record.verdict is None:
                continue
            verdict = record.verdict
            self.verdicts[record.case][verdict.status] += 1
            self.reasons += [verdict.reason] if verdict.status == "regressed" else []
            if verdict.change is None or not verdict.change.low > 0 or not math.isfinite(verdict.change.high):
                self.unjudged += 1
            else:
                changes[record.case] = log_of_change(verdict.change)
        self.runs.append(changes)

    def of_case(self, case: str) -> Between | None:
        """Return how a case's change differs between runs; None where fewer than two runs have one."""
        own = [changes[case] for changes in self.runs if case in changes]
        return between_runs(own) if len(own) > 1 else None

    def over_all(self) -> Between | None:
        """Return how the runs' mean changes differ; None where fewer than two runs have any."""
        means = [mean_of_rows([*changes.values()]) for changes in self.runs if changes]
        return between_runs(means) if len(means) > 1 else None

    def lines(self) -> Iterator[str]:
        """Yield the report, without what is said of the machine."""
        for case, counts in self.verdicts.items():
            yield f"{case}: {say(self.of_case(case))}; {say_counts(counts)}"
        total = sum(self.verdicts.values(), Counter())
        yield f"over all forms: {say(self.over_all())}; {say_counts(total)}"
        red, count = total["regressed"], total.total()
        yield (
            f"{red} of {count} verdicts were red: a rate of at most {bound(red, count):.1%} (95%, as if all were "
            f"independent); {self.unjudged} rows have no change"
        )


def say(found: Between | None) -> str:
    """Return how runs differ as a clause."""
    if found is None:
        return "fewer than two runs have a change"
    mean = found.mean
    return (
        f"mean log change {math.log(mean.value):+.2%} ({math.log(mean.low):+.2%} to {math.log(mean.high):+.2%}) over "
        f"{mean.n} runs; sd between runs beyond the intervals {found.sd:.2%} (at most {found.most:.2%})"
    )


def say_counts(counts: Counter[str]) -> str:
    """Return how many verdicts of each kind there were."""
    return ", ".join(f"{number} {status}" for status, number in counts.most_common()) or "no verdict"
