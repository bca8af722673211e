"""The other revision in a run: where its forms come from, and what only one of the two has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_formfunc.capture import Captured, capture_models
from pytest_formfunc.cases import Case
from pytest_formfunc.forms.sources import FactorySource, ModuleSource, PatternSource, Source
from pytest_formfunc.measure.revision import Revision
from pytest_formfunc.measure.sides import Side
from pytest_formfunc.measure.workers import WorkerServer


@dataclass(frozen=True)
class Absent:
    """Why a case has no counterpart: ``new`` where the other revision lacks it, ``not comparable`` where it is broken.

    Attributes:
        status: the verdict.
        reason: a clause.
    """

    status: str
    reason: str


@dataclass
class Against:
    """The other revision, surveyed.

    Attributes:
        revision: what is checked out.
        side: whose code its workers run.
        missing: what it measures and this run does not.
    """

    revision: Revision
    side: Side
    missing: tuple[str, ...] = ()
    _survey: dict[str, str | None] = field(default_factory=dict)
    _captured: Captured = field(default_factory=lambda: Captured({}, {}, ""))

    def survey(self, server: WorkerServer, targets: Sequence[str]) -> None:
        """Ask a process with its code which patterns and factories it has."""
        with server.worker(server.job("survey", self.side, targets=tuple(targets)), "survey") as worker:
            self._survey = worker.receive()

    def capture(self, tests: Sequence[Path], options: Sequence[str], folder: Path, limit_s: float) -> None:
        """Run its tests up to where they measure, to have their models."""
        self._captured = capture_models(
            self.side, [self.revision.there(path) for path in tests], options, folder, limit_s
        )

    def find_missing(self, patterns: Sequence[str] | None, groups: Sequence[str]) -> None:
        """Find what only the other revision has.

        Args:
            patterns: all patterns of this revision, or None where the user chose some.
            groups: groups of tests that measure models of their own.
        """
        lost = [] if patterns is None else [
            key.removeprefix("pattern:")
            for key in self._survey
            if key.startswith("pattern:") and key != "pattern:" and key.removeprefix("pattern:") not in patterns
        ]  # fmt: skip
        self.missing = (*sorted(lost), *sorted(set(self._captured.sources) - set(groups)))

    def source_of(self, case: Case) -> Source | Absent:
        """Return where the other revision's form of a case comes from, or why there is none."""
        title = self.revision.title
        if isinstance(case.source, ModuleSource):
            if case.id in self._captured.sources:
                return self._captured.sources[case.id]
            if case.id in self._captured.failures:
                reason = self._captured.failures[case.id]
                return Absent("not comparable", f"at {title} its test does not come to measure: {reason}")
            if self._captured.problem:
                return Absent("not comparable", f"the tests of {title} do not run: {self._captured.problem}")
            return Absent("new", f"{title} has no such test")
        key = f"pattern:{case.source.pattern}" if isinstance(case.source, PatternSource) else _target(case.source)
        broken = self._survey.get(key) or (self._survey.get("pattern:") if key.startswith("pattern:") else None)
        if broken:
            return Absent("not comparable", f"the code of {title} does not import: {broken}")
        if key not in self._survey:
            return Absent("new", f"{title} has no {key.replace(':', ' ', 1) if key.startswith('pattern:') else key}")
        return case.source


def _target(source: Source) -> str:
    return source.target if isinstance(source, FactorySource) else source.describe()
