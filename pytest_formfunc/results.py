"""What a run found: records, failures and what was spent. All that a report, the command and a comparison read."""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_formfunc.host import peak_rss_bytes
from pytest_formfunc.records import Key, Record


@dataclass
class Spent:
    """Where a run's time went, in seconds, and how many artifacts it made or found."""

    starting_s: float = 0.0
    preparing_s: float = 0.0
    measuring_s: float = 0.0
    loading_s: float = 0.0
    converted: int = 0
    reused: int = 0
    stops: dict[str, int] = field(default_factory=dict)
    second_looks: int = 0
    worker_peak_bytes: int = 0

    @property
    def parent_peak_bytes(self) -> int:
        """Return the peak resident memory of this process."""
        return peak_rss_bytes()


@dataclass(frozen=True)
class Absent:
    """Why a case has no counterpart: ``new`` where the other revision lacks it, ``not comparable`` where it is broken.

    Attributes:
        status: the verdict.
        reason: a clause.
    """

    status: str
    reason: str


@dataclass(frozen=True)
class Comparison:
    """What a run is compared with, and which of its tests are.

    Attributes:
        title: what is compared with; empty where nothing is.
        note: a line for the report where nothing can be compared, or about what is.
        baseline_name: the file of the saved run; empty where none is compared with.
        missing: what the other one has and this run does not measure: case and backend, or a single name.
        comparisons: how many accelerated tests have a counterpart.
        asked: every accelerated test of this run.
        deselected: how many measuring tests the user left out.
        false_alarm: chance that unchanged code has any false alarm in the run.
    """

    title: str = ""
    note: str = ""
    baseline_name: str = ""
    missing: tuple[tuple[str, ...], ...] = ()
    comparisons: int = 0
    asked: tuple[Key, ...] = ()
    deselected: int = 0
    false_alarm: float = 0.0

    @property
    def missing_titles(self) -> list[str]:
        """Return what is missing, as sentences name it."""
        return [" on ".join(names) for names in self.missing]


@dataclass
class Results:
    """All that a run found so far.

    Attributes:
        records: by case and backend, in the order in which they were measured.
        failures: why a case was not measured on a backend, by both.
        spent: time and memory.
        comparison: what the run is compared with.
        best: whether the fastest engine of each case was asked for.
    """

    records: dict[Key, Record] = field(default_factory=dict)
    failures: dict[Key, str] = field(default_factory=dict)
    spent: Spent = field(default_factory=Spent)
    comparison: Comparison = field(default_factory=Comparison)
    best: bool = False

    @property
    def unjudged(self) -> list[str]:
        """Return the tests that were asked for and have no verdict: skipped, failed, or measured only once."""
        return [
            f"{case} on {backend}"
            for case, backend in self.comparison.asked
            if (record := self.records.get((case, backend))) is None or record.verdict is None
        ]


@dataclass(frozen=True)
class HistoryRow:
    """One case on one backend over the saved runs of one machine.

    Attributes:
        title: of case and backend.
        runs: how many there are.
        first: speedup of the oldest run.
        last: speedup of the newest one.
        step_sd: standard deviation of the log speedup by successive differences; None for a single run.
        smallest_loss: the loss, as a fraction, that a comparison at the 1% level would show four times in five.
        machines: how many machines the saved runs are of; only runs of the last one's are counted above.
    """

    title: str
    runs: int
    first: float
    last: float
    step_sd: float | None
    smallest_loss: float
    machines: int
