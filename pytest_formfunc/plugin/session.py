"""State that the hooks of a pytest session share: settings, worker processes, the run; made when first needed."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_formfunc import cards
from pytest_formfunc.backends import backend_entry
from pytest_formfunc.clock import now_s
from pytest_formfunc.errors import FormfuncError
from pytest_formfunc.plugin import options
from pytest_formfunc.plugin.given import given
from pytest_formfunc.plugin.xdist.roles import Controller, Worker, assignment_of
from pytest_formfunc.revisions.capture_mode import capture_folder
from pytest_formfunc.text import log_line

if TYPE_CHECKING:
    from pytest_formfunc.cases import Case
    from pytest_formfunc.extensions import Extensions
    from pytest_formfunc.forms.programs import ProgramSource
    from pytest_formfunc.measure.scratch import OwnFolder
    from pytest_formfunc.measure.signals import Signals
    from pytest_formfunc.measure.workers import WorkerServer
    from pytest_formfunc.plugin.ending import Ending
    from pytest_formfunc.plugin.plan import TestPlan
    from pytest_formfunc.policy import Policy
    from pytest_formfunc.results import Results
    from pytest_formfunc.revisions.checkout import Revision
    from pytest_formfunc.run.journal import RunJournal
    from pytest_formfunc.run.run import Run
    from pytest_formfunc.run.work import Work
    from pytest_formfunc.settings import Settings


class Session:
    """The shared state, which exists as long as pytest's configuration.

    Attributes:
        config: pytest's configuration.
        cases: the cases of the matrix, by id.
        problem: a sentence about the first invalid input that was found while tests were collected, or None.
        deselected: number of tests that measure and that the user left out.
        run: the run; None until collection has ended, and if nothing is measured.
        starting_s: seconds that starting the worker processes took.
        complete: whether the session ended and no test was left, as far as is known now.
        planned_tests: ids of the tests that measure, here or in xdist workers.
        reported_tests: ids of the tests that have ended.
        is_unsaved: whether a file that was asked for could not be saved.
        tables_note: a sentence about tables of pytest-benchmark that are left out; empty where none is.
        is_red: whether the run failed by what it was compared with.
        was_checked: whether its closing check was made.
        ending: notes how the session ends.
        failed_tests: ids of tests that have failed, and count as failed.
        policies: what fails a test, by its id, where another side's rules are stricter than its own or were asked for.
        plans_of_all: the plans of all parts, where this run measures one part of the cases.
        is_dividing: whether tests are being left out because another part has them.
        skipped_baselines: why newer saved runs are not the baseline.
        worker: the part of this process as an xdist worker; None if it is none.
        controller: its part as xdist's controller; None if it is not.
        opened_journal: the journal of what this process measures; None before it is opened.
        gathered_journal: the journal of a run that xdist workers measure; None in other processes.
    """

    def __init__(self, config: pytest.Config) -> None:
        """Take the configuration, and note which plugins are registered: only these may add names by hooks."""
        self.config = config
        self.cases: dict[str, Case] = {}
        self.problem: str | None = None
        self.deselected = 0
        self.run: Run | None = None
        self.starting_s = 0.0
        self.complete = False
        self.planned_tests: set[str] = set()
        self.reported_tests: set[str] = set()
        self.failed_tests: set[str] = set()
        self.tables_note = ""
        self.is_unsaved = self.is_red = self.was_checked = False
        self.ending: Ending | None = None
        self.policies: dict[str, Policy] = {}
        self.plans_of_all: list[TestPlan] = []
        self.is_dividing = False
        self.skipped_baselines: list[str] = []
        self.worker: Worker | None = None
        self.controller: Controller | None = None
        self.gathered_journal: RunJournal | None = None
        self.opened_journal: RunJournal | None = None
        self._early = config.pluginmanager.get_plugins()
        self._names_before: Extensions | None = None
        self._workers: WorkerServer | None = None
        self._revision: Revision | None = None
        self._signals: Signals | None = None
        self._scratch: OwnFolder | None = None

    @functools.cached_property
    def settings(self) -> Settings:
        """Return the checked settings; before that, add the names that others provide.

        Raises:
            pytest.UsageError: something is invalid; the message is one sentence.
        """
        self._add_names()
        settings = options.settings_from(self.config)
        if not settings.best:
            return settings
        from pytest_formfunc.backends import NATIVE, backend_names

        reasons = self._probe([name for name in backend_names() if name != NATIVE], settings)
        available = tuple(name for name, reason in reasons.items() if reason is None)
        if not available:
            raise pytest.UsageError(
                "formfunc: --formfunc-backends best finds no backend but native here; see --formfunc-list"
            )
        return settings.with_backends(available)

    def use(self, settings: Settings) -> None:
        """Take other settings from now on, such as stricter ones of the other side."""
        self.__dict__["settings"] = settings

    def policy_of(self, plan: TestPlan) -> Policy:
        """Return what fails a test."""
        return self.policies.get(plan.test) or plan.policy(self.settings)

    @property
    def results(self) -> Results | None:
        """Return what the run has found so far, here or in xdist workers; None if nothing is measured."""
        if self.controller is not None:
            return self.controller.results
        return self.run.results if self.run is not None else None

    @property
    def journal(self) -> RunJournal | None:
        """Return the journal of the whole run, written or not; None if nothing is measured."""
        if self.controller is not None:
            return self.gathered_journal
        return self.run.journal if self.run is not None else None

    @property
    def named_journal(self) -> Path | None:
        """Return the file that ``--formfunc-journal`` names, or None."""
        name = given(self.config, "formfunc_journal") or self.config.getoption("formfunc_journal")
        return self.config.invocation_params.dir / name if name else None

    @property
    def workers(self) -> WorkerServer:
        """Return the server that starts worker processes."""
        return self._workers_of(self.settings)

    @property
    def scratch(self) -> Path:
        """Return a folder that exists as long as the session."""
        if self._scratch is None:
            from pytest_formfunc.measure.scratch import OwnFolder, sweep_runs

            self.heed_signals()
            sweep_runs()
            try:
                self._scratch = OwnFolder()
            except OSError as error:
                place = tempfile.gettempdir()
                raise pytest.UsageError(
                    f"formfunc: the folder of temporary files, {place}, cannot be written to: {error.strerror}; TMPDIR "
                    "names another one"
                ) from None
        return self._scratch.path

    def probe(self, backends: Sequence[str]) -> dict[str, str | None]:
        """Return, for each backend, why it cannot be used here, or None if it can."""
        return self._probe(backends, self.settings)

    def unloadable(self, sources: Sequence[ProgramSource]) -> dict[str, str]:
        """Return, for each exported program's file that torch does not load, why."""
        from pytest_formfunc.measure.probe import probe_programs

        with self.starting():
            return probe_programs(self._workers_of(self.settings), sources)

    def start(self, work: Work, notes: Sequence[str] = ()) -> Run:
        """Begin the run that all tests share.

        Args:
            work: what it measures and compares.
            notes: sentences about its journal, for the report.
        """
        from pytest_formfunc.run.run import Run

        self.run = Run(work, self.workers, self.scratch, self._show, self.starting_s)
        self.run.results.notes += notes
        measured = {self.settings.native, *(name for names in work.backends.values() for name in names)}
        on_card = any(backend_entry(name).gpu for name in measured)
        if on_card and not hasattr(self.config, "workerinput"):  # under xdist others are no strangers
            self.run.results.notes += cards.notes()
        return self.run

    def heed_signals(self) -> None:
        """Let SIGTERM and SIGHUP end the session as Ctrl-C does, from now until it ends."""
        if self._signals is None:
            from pytest_formfunc.measure.signals import Signals

            self._signals = Signals()

    def note_problem(self, sentence: str) -> None:
        """Note invalid input that was found while tests were collected; the first one counts."""
        self.problem = self.problem or log_line(sentence)

    def note_deselected(self) -> None:
        """Count a test that measures and that the user left out."""
        self.deselected += not self.is_dividing

    def add_cases(self, cases: Iterable[Case]) -> None:
        """Make cases of the matrix known by their ids."""
        self.cases.update((case.id, case) for case in cases)

    def keep(self, revision: Revision) -> Revision:
        """Keep the other revision, so that its checkout is removed when the session ends; return it."""
        self._revision = revision
        return revision

    def refuse_late_hooks(self) -> None:
        """Refuse hooks that add names but were registered after options had been checked.

        Raises:
            pytest.UsageError: there is one.
        """
        from pytest_formfunc.plugin.extension_hooks import refuse_late_hooks

        with usage_errors():
            refuse_late_hooks(self.config, self._early)

    def refuse_unused_models(self, plans: Sequence[TestPlan]) -> None:
        """Refuse models that the command line names and no test takes.

        Raises:
            pytest.UsageError: there are some.
        """
        named = self.config.getoption("formfunc_model")
        everything = self.plans_of_all or plans
        if named and not self.deselected and not any(plan.group in self.cases for plan in everything):
            raise pytest.UsageError(
                f"formfunc: no test here takes --formfunc-model {named}: write one that has formfunc and formfunc_case "
                "among its arguments, or name the test's file"
            )

    def refuse_to_compare_nothing(self) -> None:
        """Refuse a comparison for which no test that measures is left, if it must not pass silently.

        Raises:
            pytest.UsageError: a comparison was asked for, and the run is in CI or strict.
        """
        names = [f"formfunc_{name}" for name in ("against", "against_env", "baseline")]
        asked = [name for name in names if given(self.config, name) or self.config.getoption(name)]
        compare = given(self.config, "benchmark_compare") or self.config.getoption("benchmark_compare", None)
        if not asked and not (compare and self.settings.strict):
            return
        if self.settings.strict or self.settings.in_ci:
            left_out = f" ({self.deselected} were deselected)" if self.deselected else ""
            raise pytest.UsageError(
                f"formfunc: a comparison was asked for and no test that measures is left to make it{left_out}"
            )

    def close(self) -> None:
        """End every process, and remove scratch files and the other revision's checkout; may be called repeatedly."""
        self.ignore_signals()
        if self.run is not None:
            self.run.close()
            self.run.end(complete=self.complete)
        elif self.opened_journal is not None:  # a signal came before the run began
            from pytest_formfunc.journal.lines import INTERRUPTED
            from pytest_formfunc.results import Spent

            self.opened_journal.end(INTERRUPTED, Spent())
        if self.controller is not None:
            self.controller.close(complete=self.complete)
        if self._workers is not None:
            self._workers.close()
        if self._revision is not None:
            self._revision.close()
        if self._scratch is not None:
            self._scratch.close()

    def forget_signals(self) -> None:
        """Let signals do what they did before, once the workers have ended; it may be called repeatedly."""
        if self.controller is not None and self._signals is not None:
            from pytest_formfunc.measure.scratch import sweep_runs

            sweep_runs()  # what workers that were interrupted could not remove
        if self._signals is not None:
            self._signals.close()

    def ignore_signals(self) -> None:
        """Let no signal interrupt what saves and reports: the session is about to end."""
        if self._signals is not None:
            self._signals.ignore_more()

    def heed_signals_again(self) -> None:
        """Let them interrupt what comes after everything was saved, until `ignore_signals`."""
        if self._signals is not None:
            self._signals.heed_again()

    def lost_something(self, *, red: bool) -> bool:
        """Return whether the run was compared with something and failed by that, given whether its check is red."""
        journal = self.journal
        if journal is None or journal.header is None or not journal.header.title:
            return False
        pooled = self.results.pooled if self.results is not None else []
        return red or any(one.fails for one in pooled) or any(one.reason for one in journal.judged.values())

    def take_names_back(self) -> None:
        """Restore the tables of names as they were before this session; it may be called repeatedly."""
        if self._names_before is not None:
            from pytest_formfunc import extensions

            extensions.use(self._names_before)

    def _workers_of(self, settings: Settings) -> WorkerServer:
        if self._workers is None:
            from pytest_formfunc.forms.programs import PRELOAD
            from pytest_formfunc.host import memory_limit
            from pytest_formfunc.measure.memory import servers_that_fit
            from pytest_formfunc.measure.workers import WorkerServer

            models = (model.preload for model in settings.models)
            preload = tuple(
                dict.fromkeys(name for names in (*models, PRELOAD if settings.advise else ()) for name in names)
            )
            servers = settings.servers
            if (assignment := assignment_of(self.config)) is not None:
                servers = servers_that_fit(servers, assignment.workers, memory_limit())
            self._workers = WorkerServer(settings.timeout_s, settings.threads, preload, servers, str(self.scratch))
        return self._workers

    def _probe(self, backends: Sequence[str], settings: Settings) -> dict[str, str | None]:
        from pytest_formfunc.measure.probe import probe_backends

        with self.starting():
            return probe_backends(self._workers_of(settings), backends)

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Count what happens as a part of the time that starting takes."""
        began = now_s()
        try:
            yield
        finally:
            self.starting_s += now_s() - began

    def _add_names(self) -> None:
        """Add the patterns, architectures and backends of others to the tables.

        Raises:
            pytest.UsageError: one of them is invalid.
        """
        from pytest_formfunc import extensions
        from pytest_formfunc.plugin import extension_hooks

        if self._names_before is None:  # names of a session around this one, in the same process
            self._names_before = extensions.current()
        folder = capture_folder()
        if folder is not None:
            from pytest_formfunc.revisions.capture import entries_of_run

            extensions.use(entries_of_run(folder))
            return
        with usage_errors():
            offers = [*extensions.entry_point_offers(), *extension_hooks.hook_offers(self.config, self._early)]
            extensions.use(extensions.gather(offers))

    @functools.cached_property
    def _show(self) -> Callable[[str], None] | None:
        from pytest_formfunc.report.progress import ProgressLine

        if self.settings.quiet:
            return None
        line = ProgressLine.for_reporter(self.config.pluginmanager.get_plugin("terminalreporter"))
        return line.show if line.seen else None


SESSION: pytest.StashKey[Session] = pytest.StashKey()


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn a `FormfuncError` into a ``pytest.UsageError``."""
    try:
        yield
    except FormfuncError as error:
        raise pytest.UsageError(log_line(f"formfunc: {error}")) from None
