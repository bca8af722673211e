"""The interface of a judge: titles and series in, a verdict out. A judge does not know where they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from pytest_formfunc.measure.artifacts import Prepared
from pytest_formfunc.measure.effort import MoreLaunches
from pytest_formfunc.measure.series import Measurement
from pytest_formfunc.records import Key, Record
from pytest_formfunc.records.parts import Counterpart, Verdict
from pytest_formfunc.results import Absent


@dataclass(frozen=True)
class OtherSide:
    """The other side of a comparison in one run, for sentences and records.

    Attributes:
        title: its name in sentences.
        revision: the revision, as the user named it.
        commit: the hash of the revision's commit.
        version_changes: a clause for each package that differs, if that side has an environment of its own.
        own_servers: whether its workers are forked from servers of its own, because it has another environment.
    """

    title: str
    revision: str
    commit: str
    version_changes: tuple[str, ...] = ()
    own_servers: bool = False

    @property
    def has_same_packages(self) -> bool:
        """Return whether everything but the code is the same there, so that an equal program executes the same.

        Of another environment that is never assumed: Python, numpy and the like may differ without being named.
        """
        return not (self.version_changes or self.own_servers)


@dataclass(frozen=True)
class Evidence:
    """What one test is judged by, and how to get more of it.

    Attributes:
        key: case and backend.
        record: returns this run's current record, or None if the case has failed.
        measurement: the raw series of both sides, which grow with further launches; None if nothing was measured.
        here: this run's artifacts.
        there: the other side's artifacts, or why there are none.
        look_again: makes more launches; returns the seconds that they took.
        so_far: returns all records of this run that are there so far, judged or not.
    """

    key: Key
    record: Callable[[], Record | None]
    measurement: Measurement | None = None
    here: Prepared | None = None
    there: Prepared | Absent | None = None
    look_again: Callable[[MoreLaunches], float] = lambda more: 0.0
    so_far: Callable[[], Iterable[Record]] = tuple

    @property
    def title(self) -> str:
        """Return what is judged, for sentences."""
        return f"{self.key[0]} on {self.key[1]}"


@dataclass(frozen=True)
class Judgement:
    """A verdict, and the other side's measurement if both sides were measured in the same rounds."""

    verdict: Verdict
    counterpart: Counterpart | None = None


class Judge(Protocol):
    """Judges the comparisons of a run in their order."""

    def judge(self, evidence: Evidence, threshold: float) -> Judgement | None:
        """Return the verdict, or None if the case failed in this run, perhaps during a further look.

        Args:
            evidence: what one accelerated test is judged by.
            threshold: the loss of speedup that counts, as a fraction.
        """
