"""pytest's hooks and nothing else; everything heavy is imported inside them, and only when a test measures."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_formfunc.errors import BadInput, FormfuncError
from pytest_formfunc.plugin import fixtures, hookspecs, options
from pytest_formfunc.plugin.fixtures import CASES, PLAN
from pytest_formfunc.revisions.capture_mode import capture_folder

if TYPE_CHECKING:
    from pytest_formfunc.extensions import Extensions
    from pytest_formfunc.plugin.collection import Comparison
    from pytest_formfunc.report.progress import ProgressLine
    from pytest_formfunc.run import Run
    from pytest_formfunc.settings import Settings

_REFUSED = "formfunc-refuses-xdist"
_XDIST_SENTENCE = (
    "formfunc: tests that measure cannot run under pytest-xdist, where they would disturb each other: "
    "run them without -n (or with -n 0)"
)


class State:
    """What the hooks share; settings and run are made when first needed."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.problem: str | None = None
        self.comparison: Comparison | None = None
        self.deselected = 0
        self._early = config.pluginmanager.get_plugins()  # whose hooks may add names: those that came before options
        self._added_before: Extensions | None = None
        self._settings: Settings | None = None
        self._run: Run | None = None

    @property
    def settings(self) -> Settings:
        """Return the settings, read and checked on first use; the names that others add are known from then on."""
        if self._settings is None:
            self._add_names()
            self._settings = options.settings_from(self.config)
            if self._settings.best:
                self._settings = self._fill_in_backends(self._settings)
        return self._settings

    def _fill_in_backends(self, settings: Settings) -> Settings:
        """Return the settings with every backend that this machine has.

        Raises:
            pytest.UsageError: it has none.
        """
        from pytest_formfunc.backends import NATIVE, backend_names

        reasons = self.run().probe([name for name in backend_names() if name != NATIVE])
        available = tuple(name for name, reason in reasons.items() if reason is None)
        if not available:
            raise pytest.UsageError("formfunc: --formfunc-backends best finds no backend but native here; see "
                                    "--formfunc-list")  # fmt: skip
        self.run().settings = replace(settings, backends=available)
        return self.run().settings

    def _add_names(self) -> None:
        """Put the patterns, architectures and backends that others add into the tables.

        Raises:
            pytest.UsageError: one of them cannot be.
        """
        from pytest_formfunc import extensions
        from pytest_formfunc.plugin import extension_hooks

        self._added_before = extensions.current()  # of a session around this one, in the same process
        folder = capture_folder()
        if folder is not None:
            from pytest_formfunc.revisions.capture import entries_of_run

            extensions.use(entries_of_run(folder))
            return
        with _usage_errors():
            offers = [*extensions.entry_point_offers(), *extension_hooks.hook_offers(self.config, self._early)]
            extensions.use(extensions.gather(offers))

    def take_names_back(self) -> None:
        """Put what was there before this session back into the tables; harmless to repeat."""
        if self._added_before is not None:
            from pytest_formfunc import extensions

            extensions.use(self._added_before)

    def refuse_late_hooks(self) -> None:
        """Refuse hooks that add names too late.

        Raises:
            pytest.UsageError: there is one.
        """
        from pytest_formfunc.plugin.extension_hooks import refuse_late_hooks

        with _usage_errors():
            refuse_late_hooks(self.config, self._early)

    def run(self) -> Run:
        """Return the run that all tests share."""
        if self._run is None:
            from pytest_formfunc.run import Run

            self._run = Run(self.settings, self._show)
        return self._run

    @functools.cached_property
    def _progress(self) -> ProgressLine:
        from pytest_formfunc.report.progress import ProgressLine

        return ProgressLine.for_reporter(self.config.pluginmanager.get_plugin("terminalreporter"))

    def _show(self, text: str) -> None:
        self._progress.show(text)

    @property
    def started_run(self) -> Run | None:
        """Return the run where one was started."""
        return self._run


STATE = pytest.StashKey[State]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare options and ini keys."""
    options.add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare our own hooks."""
    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Register marker and fixtures; check what the command line says."""
    config.addinivalue_line(
        "markers",
        "formfunc(architectures=[...], backends=[...], threshold='10%', min_speedup=2.0, max_latency='5ms', "
        "fail_on=['loss']): settings of a test that measures with the formfunc fixture",
    )
    state = config.stash[STATE] = State(config)
    config.stash[CASES] = {}
    with_benchmark = config.pluginmanager.has_plugin("benchmark")
    config.pluginmanager.register(fixtures, "formfunc-fixtures")
    config.pluginmanager.register(
        fixtures.WithBenchmark() if with_benchmark else fixtures.WithoutBenchmark(), "formfunc-benchmark"
    )
    if options.any_given(config):
        _ = state.settings
    if with_benchmark and config.getoption("benchmark_compare", None):
        from pytest_formfunc.plugin.collection import check_before_benchmark

        with _usage_errors():
            check_before_benchmark(config.getoption)


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Answer ``--formfunc-list``."""
    if not config.getoption("formfunc_list"):
        return None
    from pytest_formfunc.report.listing import render_listing
    from pytest_formfunc.run import Run

    state = config.stash.get(STATE, None) or State(config)
    run = Run(state.settings, lambda text: None)
    try:
        for line in render_listing(run):
            print(line)
    finally:
        run.close()
    return 0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the matrix' fixtures their values."""
    if not any(name.startswith("formfunc_") for name in metafunc.fixturenames):
        return
    state = metafunc.config.stash[STATE]
    try:
        fixtures.parametrize_matrix(metafunc, state.settings)
    except (FormfuncError, pytest.UsageError) as error:
        state.problem = state.problem or str(error)  # said when collection ends, as wrong usage


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark every measuring test for pytest-benchmark; under xdist leave one test that refuses."""
    state = config.stash[STATE]
    measuring = [item for item in items if "formfunc" in getattr(item, "fixturenames", ())]
    if capture_folder() is not None:
        items[:] = measuring  # another run wants the models: what else is tested is not its business
    if not measuring or state.problem:
        return
    if hasattr(config, "workerinput"):
        items[:] = [_Sentence.from_parent(session, name=_REFUSED, find=lambda: _XDIST_SENTENCE)]
        return
    for item in measuring:
        assert isinstance(item, pytest.Function)
        fixtures.plan_test(item, state.run)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Note which measuring tests the user left out."""
    for item in items:
        if PLAN in item.stash or "formfunc" in getattr(item, "fixturenames", ()):
            item.config.stash[STATE].deselected += 1


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse what cannot be measured or compared, before anything is."""
    config = session.config
    state = config.stash[STATE]
    if capture_folder() is None and (state.problem or any(PLAN in item.stash for item in session.items)):
        state.refuse_late_hooks()
    if state.problem:
        raise pytest.UsageError(state.problem)
    plans = [item.stash[PLAN] for item in session.items if PLAN in item.stash]
    if config.option.collectonly:
        return
    if capture_folder() is not None:
        return  # another run wants the models, not measurements
    if not plans:
        with _usage_errors():
            _refuse_to_compare_nothing(state)
        return

    from pytest_formfunc.plugin import collection

    if state.settings.report:
        from pytest_formfunc.report.files import check_report_path

        with _usage_errors():
            check_report_path(config.invocation_params.dir / state.settings.report)
    run = state.run()
    known = config.stash[CASES]
    run.plan(collection.fill_in_siblings(plans), known)
    with _usage_errors():
        if config.pluginmanager.has_plugin("benchmark"):
            state.comparison = collection.find_comparison(config.getoption, state.settings, plans)
            run.baseline = state.comparison.baseline
            run.comparisons = state.comparison.comparisons
        elif state.settings.baseline:
            raise BadInput("--formfunc-baseline compares with what pytest-benchmark saved, and it is switched off")
        if not config.getoption("benchmark_skip", False):
            run.check_backends(sorted({plan.backend for plan in plans}))
        if state.settings.against:
            state.comparison = collection.begin_side_by_side(
                run, functools.partial(options.for_another_revision, config), plans, known, config.rootpath
            )
        if state.settings.gate == "graph" and not (state.comparison and state.comparison.title):
            raise BadInput(
                "--formfunc-gate graph judges a comparison: give --formfunc-against REV or --benchmark-compare"
            )
    if state.comparison is not None:
        state.comparison.deselected = state.deselected
    comparison = state.comparison
    if state.settings.strict and comparison is not None:
        for name, sentence in comparison.missing_sentences():
            session.items.append(_Sentence.from_parent(session, name=name, find=lambda sentence=sentence: sentence))
        if comparison.title:
            found = _Sentence.from_parent(
                session, name="formfunc-all-judged", find=lambda: comparison.why_incomplete(run)
            )
            session.items.append(found)


def _refuse_to_compare_nothing(state: State) -> None:
    """Refuse a comparison for which no measuring test is left, where it must not pass in silence.

    Raises:
        BadInput: one was asked for, and this is CI or strict.
    """
    asked = [name for name in ("against", "against_env", "baseline") if state.config.getoption(f"formfunc_{name}")]
    if not asked and not (state.config.getoption("benchmark_compare", None) and state.settings.strict):
        return
    if state.settings.strict or state.settings.in_ci:
        left_out = f" ({state.deselected} were deselected)" if state.deselected else ""
        raise BadInput(f"a comparison was asked for and no test that measures is left to make it{left_out}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Where models are captured for another run, say why one is not."""
    report = yield
    if report.failed and PLAN in item.stash and call.excinfo is not None:
        folder = capture_folder()
        if folder is not None:
            from pytest_formfunc.revisions.capture import note_failed

            note_failed(folder, item.stash[PLAN].group, call.excinfo.exconly(tryshort=True).splitlines()[0])
    return report


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Where models are captured for another run, say which file does not import."""
    if report.failed:
        folder = capture_folder()
        if folder is not None:
            from pytest_formfunc.revisions.capture import note_failed

            lines = [line for line in report.longreprtext.splitlines() if line.startswith("E  ")]
            note_failed(folder, report.nodeid, (lines or ["it does not import"])[-1].removeprefix("E").strip())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """Refuse the whole run where a worker found tests that measure."""
    del node
    if any(name.endswith(_REFUSED) for name in ids):
        raise pytest.UsageError(_XDIST_SENTENCE)


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_benchmark_compare_machine_info() -> Iterator[None]:
    """Keep pytest-benchmark alive where its storage lies outside the working directory (its issue 217)."""
    try:
        return (yield)
    except ValueError:
        return None


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Write the report after pytest-benchmark's table."""
    state = config.stash[STATE]
    run = state.started_run
    if run is None or not (run.records or run.failures):
        return
    from pytest_formfunc.report.files import write_report
    from pytest_formfunc.report.terminal import render_report

    terminalreporter.section("formfunc")
    for line in render_report(run, state.comparison):
        terminalreporter.write_line(line.text, **line.markup)
    if state.settings.report:
        path = write_report(run, config.invocation_params.dir / state.settings.report)
        terminalreporter.write_line(f"report written to {path}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End every worker."""
    _close(session.config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End every worker where no session finished; forget the names that this session's hooks added."""
    _close(config)
    state = config.stash.get(STATE, None)
    if state is not None:
        state.take_names_back()


def _close(config: pytest.Config) -> None:
    state = config.stash.get(STATE, None)
    if state is not None and state.started_run is not None:
        state.started_run.close()


class _Sentence(pytest.Item):
    """A test that fails with one sentence, if there is one: what a strict run must not pass over in silence."""

    def __init__(self, *, find: Callable[[], str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.find = find

    def runtest(self) -> None:
        """Fail where a sentence is found."""
        sentence = self.find()
        if sentence:
            pytest.fail(sentence, pytrace=False)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Return where this stands: nowhere in particular."""
        return self.path, None, self.name


@contextlib.contextmanager
def _usage_errors() -> Iterator[None]:
    """Turn a `FormfuncError` into pytest's usage error."""
    try:
        yield
    except FormfuncError as error:
        raise pytest.UsageError(f"formfunc: {error}") from None
