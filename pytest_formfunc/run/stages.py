"""How far a case of a run is: prepared, measured, or taken over from an earlier run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_formfunc.cases import Case
from pytest_formfunc.gate.judge import Evidence, OtherSide
from pytest_formfunc.measure.case_measurer import CaseMeasurer
from pytest_formfunc.measure.effort import Effort, MoreLaunches
from pytest_formfunc.measure.launch import PreparedSide
from pytest_formfunc.measure.observer import Observations, observe_case
from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.workers import WorkerServer
from pytest_formfunc.records import Key, Record
from pytest_formfunc.results import Absent
from pytest_formfunc.revisions.other_revision import OtherRevision


@dataclass(frozen=True)
class Measured:
    """A measured case, of which further launches can be made."""

    measurer: CaseMeasurer
    here: PreparedSide
    there: PreparedSide | Absent | None
    group: str
    identity: str
    observations: Observations = field(default_factory=dict)

    @property
    def seconds(self) -> tuple[float, float]:
        """Return the seconds that the case took to prepare, and to measure."""
        return self.here.prepared.seconds, self.measurer.result.spent_s

    def evidence(
        self, key: Key, records: Mapping[Key, Record], look_again: Callable[[MoreLaunches], float]
    ) -> Evidence:
        """Return what a judge asks of the case.

        Args:
            key: the case and the backend to judge.
            records: all records of the run, which further launches change.
            look_again: makes further launches, and returns the seconds that they took.
        """
        there = self.there.prepared if isinstance(self.there, PreparedSide) else self.there
        return Evidence(
            key,
            lambda: records.get(key),
            self.measurer.result,
            self.here.prepared,
            there,
            look_again,
            lambda: [*records.values()],
        )

    def observe(
        self,
        backends: Sequence[str],
        product: PreparedSide | None,
        workers: WorkerServer,
        folder: Path,
        seed: int,
        show: Callable[[str], None],
        instruments: Sequence[str],
    ) -> None:
        """Observe by instruments those of the backends that were measured."""
        alive = [name for name in backends if Participant(name) in self.measurer.result.series]
        self.observations.update(observe_case(self.here, product, alive, workers, folder, seed, show, instruments))

    def forget(self) -> Settled:
        """Return what the journal may still ask for, without the rounds of every launch."""
        return Settled(self.seconds, self.group, self.identity)


@dataclass(frozen=True)
class Settled:
    """A measured case whose tests have all been judged: a long run does not keep its raw rounds."""

    seconds: tuple[float, float]
    group: str
    identity: str


@dataclass(frozen=True)
class TakenOver:
    """A case whose records, judged if that was asked for, are those of the run that this one continues."""


@dataclass(frozen=True)
class Ready:
    """A prepared case, of which nothing has been measured yet.

    Attributes:
        processes: number of processes of a launch.
    """

    case: Case
    backends: Sequence[str]
    measured: Measured
    effort: Effort
    processes: int

    @property
    def weight_in_memory(self) -> int:
        """Return the bytes of the case's weights in all processes of a launch."""
        weight: int = self.measured.here.prepared.cost["weight_bytes"]
        return weight * self.processes


def other_side(other: OtherRevision) -> OtherSide:
    """Return what a judge knows of the other revision."""
    has_environment = other.workspace.environment is not None
    revision = other.revision
    return OtherSide(other.title, revision.name, revision.commit, other.version_changes, has_environment)
