"""What a run will measure and compare; all of it is known before anything is measured."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pytest_formfunc.cases import Case
from pytest_formfunc.gate.baseline import Baseline
from pytest_formfunc.measure.together import GROUP
from pytest_formfunc.results import Comparison
from pytest_formfunc.revisions.other_revision import OtherRevision
from pytest_formfunc.run.journal import RunJournal
from pytest_formfunc.settings import Settings


@dataclass(frozen=True)
class Work:
    """What a run will measure and compare; all of this is known before anything is measured.

    Attributes:
        settings: the settings of the run.
        backends: names of the backends of each case, native first, by the case's id.
        known_cases: the cases that can be built without running a test, by id.
        comparison: a description of what the run is compared with, for reports.
        baseline: the saved run that it is compared with, or None.
        other: the other revision that it is compared with, or None.
        journal: where records are noted, and what is taken over from an earlier run.
        group: number of cases that are measured in turn, at most.
        limited: the cases that have a test with a floor or a ceiling, by their groups of tests.
        is_alone: whether this process measures all of it; else other processes measure other cases of the same run.
    """

    settings: Settings
    backends: Mapping[str, tuple[str, ...]]
    known_cases: Mapping[str, Case] = field(default_factory=dict)
    comparison: Comparison = field(default_factory=Comparison)
    baseline: Baseline | None = None
    other: OtherRevision | None = None
    journal: RunJournal = field(default_factory=RunJournal)
    group: int = GROUP
    limited: Collection[str] = ()
    is_alone: bool = True


def groups_of(names: Sequence[str], size: int = GROUP) -> dict[str, Sequence[str]]:
    """Return for each case those that it is measured in turn with, itself included; at most ``size`` of them."""
    chunks = [names[start : start + size] for start in range(0, len(names), size)]
    return {name: chunk for chunk in chunks for name in chunk}
