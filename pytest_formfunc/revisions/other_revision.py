"""Find out what the other revision of a comparison has, and locate its form of each case."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_formfunc.backends import NATIVE, distributions
from pytest_formfunc.cases import Case
from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.factories import FactorySource
from pytest_formfunc.forms.model_files import FileSource, file_source
from pytest_formfunc.forms.programs import ProgramSource
from pytest_formfunc.forms.sources import ArchitectureSource, PatternSource, Source, uses_added_code
from pytest_formfunc.forms.transformers_folder import TransformersSource
from pytest_formfunc.forms.zoos import ZooSource
from pytest_formfunc.host import describe_host, version_changes
from pytest_formfunc.measure.probe import probe_backends, probe_host
from pytest_formfunc.measure.workers import WorkerServer
from pytest_formfunc.measure.workspace import Environment, Workspace
from pytest_formfunc.policy import Planned
from pytest_formfunc.records import Key
from pytest_formfunc.results import Absent
from pytest_formfunc.revisions.capture import Captured, Selection, capture_models
from pytest_formfunc.revisions.checkout import Revision

_CAPTURE_LIMIT_S = 120.0


@dataclass(frozen=True)
class Request:
    """What this run needs from the other revision.

    Attributes:
        backends: names of the measured backends, without native.
        native: name of the engine that is measured as native.
        cases: the cases that can be built without running a test.
        own_modules: names of the user's modules that workers will import.
        select: returns which of the other revision's tests correspond to this run's, given a function that returns the
            counterpart of a path there.
    """

    backends: Sequence[str]
    native: str
    cases: Sequence[Case]
    own_modules: Sequence[str]
    select: Callable[[Callable[[Path], Path]], Selection]


@dataclass(frozen=True)
class OtherRevision:
    """The other revision, checked out and surveyed.

    Attributes:
        revision: the checked-out revision.
        workspace: the code and the packages that its workers use.
        version_changes: a clause for each package that differs, if it has another environment.
        survey: which forms its code has: for each key None, or why it cannot be imported.
        captured: the models that its tests measure.
        selection: which of its tests correspond to this run's.
    """

    revision: Revision
    workspace: Workspace
    version_changes: tuple[str, ...]
    survey: Mapping[str, str | None]
    captured: Captured
    selection: Selection

    @property
    def title(self) -> str:
        """Return the name of the other revision in sentences."""
        return _title(self.revision, self.workspace.environment)

    @property
    def has_same_packages(self) -> bool:
        """Return whether everything but the code is the same there; of another environment that is never assumed."""
        return self.workspace.environment is None

    @property
    def planned(self) -> tuple[Planned, ...]:
        """Return its tests that measure and that the command line does not leave out."""
        names, tests = self.selection.single, self.captured.planned
        if not names or "." in names:
            return tests
        starts = tuple(name + end for name in names for end in ("[", "::", "/"))
        return tuple(one for one in tests if one.test in names or one.test.startswith(starts))

    def missing(
        self, patterns: Sequence[str] | None, planned: Collection[Key], tests_here: Collection[str]
    ) -> tuple[tuple[str, ...], ...]:
        """Return what only the other revision has: patterns, cases with their backends, files that do not import there.

        Args:
            patterns: names of all patterns of this revision, or None if the user chose some of them.
            planned: case, or group of tests, and backend of each of this run's tests.
            tests_here: ids of this run's tests.
        """
        prefix = "pattern:"
        there = [key.removeprefix(prefix) for key in self.survey if key.startswith(prefix) and key != prefix]
        gone = [] if patterns is None else sorted(name for name in there if name not in patterns)
        of_gone = tuple(f"{name}-d" for name in gone)
        tests = () if self.selection.partial else self.planned
        keys = [one.key for one in tests if one.backend != NATIVE]
        lost = sorted({key for key in keys if key not in planned and not (of_gone and key[0].startswith(of_gone))})
        files = {one.partition("::")[0] for one in tests_here}
        broken = [] if self.selection.partial else [name for name in self.captured.broken_files if name not in files]
        return (*((name,) for name in gone), *lost, *((name,) for name in sorted(broken)))

    def source_of(self, case: Case) -> Source | Absent:
        """Return the source of the other revision's form of a case, or why there is none."""
        title = self.title
        if case.of_a_test:
            return self._source_of_test(case)
        if isinstance(case.source, FileSource | ProgramSource | TransformersSource):
            return self._file_there(case.source)
        if isinstance(case.source, ZooSource):
            return case.source  # it comes with an installed package, in each side's own environment
        key = _survey_key(case.source)
        bundled = not isinstance(case.source, FactorySource)
        broken = self.survey.get(key) or (self.survey.get("pattern:") if bundled else None)
        if broken:
            return Absent("not comparable", f"the code of {title} does not import: {broken}")
        if key not in self.survey:
            return Absent("new", f"{title} has no {key.replace(':', ' ', 1) if bundled else key}")
        return case.source

    def _source_of_test(self, case: Case) -> Source | Absent:
        """Return the source of the model that the same test of the other revision measures, or why there is none."""
        title, captured = self.title, self.captured
        if case.id in captured.sources:
            return captured.sources[case.id]
        for name, reason in captured.failures.items():
            if case.id == name or case.id.startswith(f"{name}::"):  # the test, or its file
                return Absent("not comparable", f"at {title} its test fails before it measures: {reason}")
        if captured.problem:
            return Absent("not comparable", f"the tests of {title} do not run: {captured.problem}")
        return Absent("new", f"{title} has no such test")

    def _file_there(self, source: FileSource | ProgramSource | TransformersSource) -> Source | Absent:
        """Return the source of the other revision's file, or why there is none; a file outside the tree is the same."""
        there = self.revision.there(source.path)
        if not there.exists():
            return Absent("new", f"{self.title} has no {Path(source.path).name}")
        if not isinstance(source, FileSource):
            return replace(source, path=str(there))
        try:
            return file_source(there, source.call, source.seed)
        except BadInput as error:
            return Absent("not comparable", f"{error} (at {self.title})")


def survey_other_revision(
    revision: Revision, environment: Environment | None, request: Request, workers: WorkerServer, scratch: Path
) -> OtherRevision:
    """Find out what a checked-out revision has.

    Args:
        revision: the checked-out revision.
        environment: the environment whose packages are used; None for that of this process.
        request: what this run needs from it.
        workers: starts the workers that run its code.
        scratch: a folder that exists as long as the run.

    Raises:
        BadInput: a backend cannot be used in the environment.
    """
    workspace = revision.workspace(sys.path, Path.cwd(), request.own_modules, environment)
    changes = _check_environment(workspace, request, workers) if environment is not None else ()
    survey = _survey(workspace, request.cases, workers)
    captured, selection = Captured(), request.select(revision.there)
    if selection.any:
        folder = scratch / "captured"
        folder.mkdir()
        limit_s = max(workers.timeout_s, _CAPTURE_LIMIT_S)  # a change could shorten its own time limit
        captured = capture_models(workspace, selection, folder, limit_s, workers.mark)
    return OtherRevision(revision, workspace, changes, survey, captured, selection)


def _title(revision: Revision, environment: Environment | None) -> str:
    return revision.title + (f" with the packages of {environment.folder}" if environment else "")


def _check_environment(workspace: Workspace, request: Request, workers: WorkerServer) -> tuple[str, ...]:
    """Check that an environment has the backends; return a clause for each package that differs.

    Raises:
        BadInput: a backend cannot be used there.
    """
    assert workspace.environment is not None
    wanted = sorted({name for name in request.backends if name != NATIVE} | {request.native})
    for name, reason in probe_backends(workers, wanted, workspace).items():
        if reason is not None:
            raise BadInput(f"backend {name!r} cannot be used in {workspace.environment.folder}: {reason}")
    there = probe_host(workers, workspace)["versions"]
    engines = {name: version for name, version in there.items() if name in distributions()}
    here = describe_host(distributions())["versions"]
    return tuple(version_changes({"versions": engines}, {"versions": {name: here.get(name) for name in engines}}))


def _survey(workspace: Workspace, cases: Sequence[Case], workers: WorkerServer) -> dict[str, str | None]:
    """Ask a worker in the workspace which patterns, architectures and factories it has."""
    sources = [case.source for case in cases]
    targets = [_survey_key(one) for one in sources if isinstance(one, FactorySource) or uses_added_code(one)]
    with workers.worker(workers.job("survey", workspace, targets=tuple(targets)), "survey") as worker:
        found: dict[str, str | None] = worker.receive()
    return found


def _survey_key(source: Source) -> str:
    """Return a source's key in a survey."""
    if isinstance(source, PatternSource):
        return f"pattern:{source.pattern}"
    if isinstance(source, ArchitectureSource):
        return f"architecture:{source.name}"
    return source.target if isinstance(source, FactorySource) else source.describe()
