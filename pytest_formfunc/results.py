"""The results of a run: records, failures and what was spent. Reports, the command and comparisons read these."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pytest_formfunc.host import peak_rss_bytes
from pytest_formfunc.records import Key, Record
from pytest_formfunc.stats import Estimate


@dataclass
class Spent:
    """What a run spent.

    Attributes:
        starting_s: seconds to start the worker processes.
        preparing_s: seconds to prepare artifacts.
        measuring_s: seconds to measure, ``loading_s`` included.
        loading_s: seconds to start and load the workers that measure.
        converted: number of artifacts that were made.
        reused: number of artifacts that were there already.
        missed: what differs from the last run's module of the same program, so that it had to be prepared again, by the
            case's id.
        stops: number of cases by the reason why no more launches were made.
        second_looks: number of requests for further launches.
        discarded_rounds: number of rounds that were disturbed and measured again.
        waited_s: seconds, part of ``measuring_s``, for which measuring waited because the machine was slow.
        remade: artifacts of the cache that were not as they had been written, so that they were made again.
        spare: why artifacts were made in a folder of this run in place of the cache; empty if they were not.
        observing_s: seconds for which instruments observed, when everything was timed.
        locked_s: seconds for which this waited for other runs on the machine.
        paces: shares of the looks at the machine in which it was near its best pace, and much slower; None if unknown.
        worker_peak_bytes: peak resident memory of the largest worker that measured.
    """

    starting_s: float = 0.0
    preparing_s: float = 0.0
    measuring_s: float = 0.0
    loading_s: float = 0.0
    converted: int = 0
    reused: int = 0
    missed: dict[str, str] = field(default_factory=dict)
    remade: list[str] = field(default_factory=list)
    spare: str = ""
    stops: dict[str, int] = field(default_factory=dict)
    second_looks: int = 0
    discarded_rounds: int = 0
    waited_s: float = 0.0
    observing_s: float = 0.0
    locked_s: float = 0.0
    paces: tuple[float, float] | None = None
    worker_peak_bytes: int = 0

    @property
    def parent_peak_bytes(self) -> int:
        """Return the peak resident memory of this process."""
        return peak_rss_bytes()


def add_spent(parts: Iterable[Spent]) -> Spent:
    """Return what several workers of one run spent together: seconds and numbers are added, peaks are not."""
    total = Spent()
    for part in parts:
        for name in _ADDED:
            setattr(total, name, getattr(total, name) + getattr(part, name))
        total.missed |= part.missed
        total.remade += [name for name in part.remade if name not in total.remade]
        total.spare = part.spare or total.spare
        for reason, count in part.stops.items():
            total.stops[reason] = total.stops.get(reason, 0) + count
        total.worker_peak_bytes = max(total.worker_peak_bytes, part.worker_peak_bytes)
        total.paces = part.paces or total.paces
    return total


_ADDED = (
    "starting_s", "preparing_s", "measuring_s", "loading_s", "converted", "reused", "second_looks", "discarded_rounds",
    "waited_s", "locked_s", "observing_s",
)  # fmt: skip


@dataclass(frozen=True)
class Absent:
    """Why a case has no counterpart in the other revision.

    Attributes:
        status: the verdict: ``new`` if the other revision lacks the case, ``not comparable`` if its case is broken.
        reason: a clause that says why.
    """

    status: str
    reason: str


@dataclass(frozen=True)
class Comparison:
    """What a run is compared with, and which tests the comparison includes.

    Attributes:
        title: name in sentences of what is compared with; empty if nothing is compared.
        note: a line for the report, which describes the comparison or says why there is none.
        baseline_name: file of the saved run; empty if the run is not compared with one.
        missing: what the baseline or the other revision has and this run does not measure: case and backend, or a name.
        comparisons: number of accelerated tests to compare: all, or those that a saved run has.
        asked: case and backend of every accelerated test of this run.
        deselected: number of tests that measure and that the user left out.
        false_alarm: probability of any false alarm in a run of unchanged code.
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
        """Return the name in sentences of everything that is missing."""
        return [" on ".join(names) for names in self.missing]


@dataclass(frozen=True)
class PooledLoss:
    """A loss of speedup that several cases have together and none of them shows by itself.

    Attributes:
        name: of the cases: their form and backend, or their backend.
        claim: a clause that says which cases lost how much.
        sentence: all of it.
        keys: case and backend of each.
        change: speedup in this run / speedup in what it is compared with, in the mean of them.
        threshold: the loss of speedup that counts, as a fraction.
        fails: whether it fails the run.
    """

    name: str
    claim: str
    sentence: str
    keys: tuple[Key, ...]
    change: Estimate
    threshold: float
    fails: bool


@dataclass
class Results:
    """What a run has found so far.

    Attributes:
        records: the records by case and backend, in the order in which they were measured.
        failures: the reasons why a case was not measured on a backend, by case and backend.
        spent: what the run spent.
        comparison: what the run is compared with.
        best: whether the fastest engine of each case was asked for.
        never_called: ids of tests that asked for the fixture and did not call it.
        tests: the id of the test of a case on a backend, as pytest takes it where this run was started.
        memory_note: why processes cannot be made to keep their memory here; empty if they can.
        notes: sentences about the run as a whole: its journal, its xdist workers, other runs on the machine.
        pooled: what several cases lost together; known when all of them are judged.
        causes: sentences about what lost speedups, found by a search after everything was measured.
        runs: the records of this run and of earlier ones by the run's name, in their order; for history.
    """

    records: dict[Key, Record] = field(default_factory=dict)
    failures: dict[Key, str] = field(default_factory=dict)
    spent: Spent = field(default_factory=Spent)
    comparison: Comparison = field(default_factory=Comparison)
    best: bool = False
    never_called: list[str] = field(default_factory=list)
    tests: dict[Key, str] = field(default_factory=dict)
    memory_note: str = ""
    notes: list[str] = field(default_factory=list)
    pooled: list[PooledLoss] = field(default_factory=list)
    causes: list[str] = field(default_factory=list)
    runs: dict[str, dict[Key, Record]] = field(default_factory=dict)

    @property
    def unjudged(self) -> list[str]:
        """Return the accelerated tests that have no verdict: they were skipped, failed, or made only one call."""
        return [
            f"{case} on {backend}"
            for case, backend in self.comparison.asked
            if (record := self.records.get((case, backend))) is None or record.verdict is None
        ]


@dataclass(frozen=True)
class HistoryRow:
    """One case on one backend over the saved runs of one machine.

    Attributes:
        title: name of case and backend in sentences.
        runs: number of saved runs of the newest run's machine; the other figures are of these runs.
        first: speedup of the oldest run.
        last: speedup of the newest run.
        step_sd: standard deviation of the log speedup, from successive differences; None for a single run.
        smallest_loss: the smallest loss, as a fraction, that a comparison at the 1% level detects four times in five.
        machines: number of machines that the saved runs come from.
    """

    title: str
    runs: int
    first: float
    last: float
    step_sd: float | None
    smallest_loss: float
    machines: int
