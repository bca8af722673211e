"""What every judge is given and gives: titles and series in, a verdict out. No judge knows where they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pytest_formfunc.measure.artifacts import Prepared
from pytest_formfunc.measure.case_measurer import MoreLaunches
from pytest_formfunc.measure.series import Measurement
from pytest_formfunc.records import Counterpart, Key, Record, Verdict
from pytest_formfunc.results import Absent


@dataclass(frozen=True)
class OtherSide:
    """The other side of a comparison in one run, for sentences and records.

    Attributes:
        title: what is compared with.
        revision: as the user named it.
        commit: its hash.
        version_changes: a clause for each package that differs, where that side has an environment of its own.
    """

    title: str
    revision: str
    commit: str
    version_changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """What there is to judge one test by, and how to get more of it.

    Attributes:
        key: case and backend.
        record: returns this run's record as it stands, None once the case failed.
        measurement: the raw series of both sides, which grow with further launches; None where nothing was measured.
        here: this run's artifacts.
        there: the other side's artifacts, or why there are none.
        look_again: makes more launches; returns the seconds that they took.
    """

    key: Key
    record: Callable[[], Record | None]
    measurement: Measurement | None = None
    here: Prepared | None = None
    there: Prepared | Absent | None = None
    look_again: Callable[[MoreLaunches], float] = lambda more: 0.0

    @property
    def title(self) -> str:
        """Return what is judged, for sentences."""
        return f"{self.key[0]} on {self.key[1]}"


@dataclass(frozen=True)
class Judgement:
    """A verdict, and the other side's measurement if it was measured in the same rounds."""

    verdict: Verdict
    counterpart: Counterpart | None = None


class Judge(Protocol):
    """Judges the comparisons of a run in their order."""

    def judge(self, evidence: Evidence, threshold: float) -> Judgement | None:
        """Return the verdict, or None where this run's side failed meanwhile.

        Args:
            evidence: of one accelerated test.
            threshold: the loss of speedup that counts, as a fraction.
        """
