"""The other revision in a run: where its forms come from, and what only one of the two has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_formfunc.backends import distributions
from pytest_formfunc.cases import Case
from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.factories import FactorySource
from pytest_formfunc.forms.model_files import FileSource, file_source
from pytest_formfunc.forms.programs import ProgramSource
from pytest_formfunc.forms.sources import ArchitectureSource, PatternSource, Source
from pytest_formfunc.forms.transformers_folder import TransformersSource
from pytest_formfunc.forms.zoos import ZooSource
from pytest_formfunc.host import describe_host, version_changes
from pytest_formfunc.measure.participants import Side
from pytest_formfunc.measure.workers import WorkerServer
from pytest_formfunc.revisions.capture import Captured, capture_models
from pytest_formfunc.revisions.checkout import Revision


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
        side: whose code its workers run, with which packages.
        missing: what it measures and this run does not.
        version_changes: a clause for each package that differs, where its environment is another one.
    """

    revision: Revision
    side: Side
    missing: tuple[str, ...] = ()
    version_changes: tuple[str, ...] = ()
    _survey: dict[str, str | None] = field(default_factory=dict)
    _captured: Captured = field(default_factory=lambda: Captured({}, {}, ""))

    @property
    def title(self) -> str:
        """Return what is compared with, for sentences."""
        packages = f" with the packages of {self.side.environment.folder}" if self.side.environment else ""
        return self.revision.title + packages

    def check_environment(self, server: WorkerServer, backends: Sequence[str]) -> None:
        """Find out what another environment has; nothing to do where it is this one.

        Raises:
            BadInput: a backend cannot be used there.
        """
        environment = self.side.environment
        if environment is None:
            return
        with server.worker(server.job("probe", self.side, backends=tuple(backends)), "backend probe") as worker:
            for name, reason in worker.receive().items():
                if reason is not None:
                    raise BadInput(f"backend {name!r} cannot be used in {environment.folder}: {reason}")
        with server.worker(server.job("host", self.side), "host probe") as worker:
            there = worker.receive()
        engines = {name: version for name, version in there["versions"].items() if name in distributions()}
        here = describe_host()["versions"]
        self.version_changes = tuple(
            version_changes({"versions": engines}, {"versions": {name: here.get(name) for name in engines}})
        )

    def survey(self, server: WorkerServer, targets: Sequence[str]) -> None:
        """Ask a process with its code which patterns and factories it has."""
        with server.worker(server.job("survey", self.side, targets=tuple(targets)), "survey") as worker:
            self._survey = worker.receive()

    def capture(self, arguments: Sequence[str], folder: Path, limit_s: float) -> None:
        """Run its tests up to where they measure, to have their models; the arguments are pytest's."""
        self._captured = capture_models(self.side, arguments, folder, limit_s)

    def find_missing(self, patterns: Sequence[str] | None, groups: Sequence[str] | None) -> None:
        """Find what only the other revision has.

        Args:
            patterns: all patterns of this revision, or None where the user chose some.
            groups: groups of tests that measure models of their own, or None where the user chose some.
        """
        lost = [] if patterns is None else [
            key.removeprefix("pattern:")
            for key in self._survey
            if key.startswith("pattern:") and key != "pattern:" and key.removeprefix("pattern:") not in patterns
        ]  # fmt: skip
        gone = [] if groups is None else sorted(set(self._captured.sources) - set(groups))
        self.missing = (*sorted(lost), *gone)

    def source_of(self, case: Case) -> Source | Absent:
        """Return where the other revision's form of a case comes from, or why there is none."""
        title = self.title
        if case.of_a_test:
            if case.id in self._captured.sources:
                return self._captured.sources[case.id]
            for name, reason in self._captured.failures.items():
                if case.id == name or case.id.startswith(f"{name}::"):  # the test, or its file
                    return Absent("not comparable", f"at {title} its test does not come to measure: {reason}")
            if self._captured.problem:
                return Absent("not comparable", f"the tests of {title} do not run: {self._captured.problem}")
            return Absent("new", f"{title} has no such test")
        if isinstance(case.source, FileSource | ProgramSource | TransformersSource):
            return self._file_there(case.source)
        if isinstance(case.source, ZooSource):
            return case.source  # the packages' own, which both sides share unless one has an environment of its own
        key = survey_key(case.source)
        bundled = not isinstance(case.source, FactorySource)
        broken = self._survey.get(key) or (self._survey.get("pattern:") if bundled else None)
        if broken:
            return Absent("not comparable", f"the code of {title} does not import: {broken}")
        if key not in self._survey:
            return Absent("new", f"{title} has no {key.replace(':', ' ', 1) if bundled else key}")
        return case.source

    def _file_there(self, source: FileSource | ProgramSource | TransformersSource) -> Source | Absent:
        """Return the other revision's file; one outside of the repository belongs to both."""
        there = self.revision.there(source.path)
        if not there.exists():
            return Absent("new", f"{self.title} has no {Path(source.path).name}")
        if not isinstance(source, FileSource):
            return replace(source, path=str(there))
        try:
            return file_source(there, source.call, source.seed)
        except BadInput as error:
            return Absent("not comparable", f"{error} (at {self.title})")


def survey_key(source: Source) -> str:
    """Return a source's key in a survey."""
    if isinstance(source, PatternSource):
        return f"pattern:{source.pattern}"
    if isinstance(source, ArchitectureSource):
        return f"architecture:{source.name}"
    return source.target if isinstance(source, FactorySource) else source.describe()
