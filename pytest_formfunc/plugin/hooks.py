"""Implement pytest's hooks; they import everything heavy themselves, and only if a test measures."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from pytest_formfunc.errors import FormfuncError
from pytest_formfunc.plugin import fixtures, hookspecs, options
from pytest_formfunc.plugin.ending import PASSES, Ending
from pytest_formfunc.plugin.given import asks_for_strict_comparison, given, note_environment
from pytest_formfunc.plugin.plan import CALLED, MEASURED, PLAN, TestPlan
from pytest_formfunc.plugin.session import SESSION, Session, usage_errors
from pytest_formfunc.plugin.xdist import roles
from pytest_formfunc.revisions.capture_mode import capture_folder
from pytest_formfunc.revisions.search_mode import is_search_step

if TYPE_CHECKING:
    from pytest_formfunc.results import Results


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare options and ini keys."""
    note_environment(parser)
    options.add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks that this plugin calls."""
    pluginmanager.add_hookspecs(hookspecs)
    pluginmanager.register(LastWord(), "formfunc-last-word")


def pytest_configure(config: pytest.Config) -> None:
    """Register marker and fixtures, and check the options on the command line."""
    config.addinivalue_line("markers", options.MARKER_HELP)
    session = config.stash[SESSION] = Session(config)
    roles.take_cores(config)
    session.ending = Ending(session)
    session.ending.register()
    with_benchmark = config.pluginmanager.has_plugin("benchmark")
    config.pluginmanager.register(fixtures, "formfunc-fixtures")
    config.pluginmanager.register(
        fixtures.WithBenchmark() if with_benchmark else fixtures.WithoutBenchmark(), "formfunc-benchmark"
    )
    if (assignment := roles.assignment_of(config)) is not None:
        from pytest_formfunc.plugin.xdist.worker import WorkerSide

        session.worker = WorkerSide(session, assignment)
        config.pluginmanager.register(session.worker, "formfunc-worker")
    if options.any_given(config):
        try:
            _ = session.settings
        except pytest.UsageError as error:
            if session.worker is None:
                raise
            session.note_problem(str(error))  # its controller ends the run when this worker has collected
    if roles.is_controller(config):
        from pytest_formfunc.plugin.xdist.controller import ControllerSide

        session.controller = ControllerSide(session)
        config.pluginmanager.register(session.controller, "formfunc-controller")
    if with_benchmark and config.getoption("benchmark_compare", None):
        from pytest_formfunc.plugin.benchmark_bridge import check_before_benchmark, choose_newest

        with usage_errors():
            check_before_benchmark(config.getoption)
            session.skipped_baselines = choose_newest(config)


# What ends a session before a test runs, and its option.
_ENDS_AT_ONCE = {
    "collectonly": "--collect-only", "version": "--version", "help": "--help", "showfixtures": "--fixtures",
    "show_fixtures_per_test": "--fixtures-per-test", "markers": "--markers", "cacheshow": "--cache-show",
    "formfunc_list": "--formfunc-list",
}  # fmt: skip


class LastWord:
    """The plugin that sees the exit code of a whole session, also of one that ended before it began."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, Any, Any]:
        """Turn a code that passes into one that fails, where a strict comparison was asked for and not made."""
        code = yield
        session = config.stash.get(SESSION, None)
        if code not in PASSES or given(config, "collectonly") or (session is not None and session.was_checked):
            return code
        if not asks_for_strict_comparison(config) or any(given(config, dest) for dest in _ENDS_AT_ONCE):
            return code
        print("formfunc: a strict comparison was asked for, and the session ended before it began", file=sys.stderr)
        return int(pytest.ExitCode.TESTS_FAILED)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Answer ``--formfunc-list``; refuse to do nothing where the command line asks for a strict comparison.

    Raises:
        pytest.UsageError: an ini file's ``addopts`` would end the session before a test runs.
    """
    if asks_for_strict_comparison(config):
        for dest, option in _ENDS_AT_ONCE.items():
            if config.getoption(dest, None) and not given(config, dest):
                sentence = f"addopts has {option}, and the command line asks for a strict comparison, which needs a run"
                raise pytest.UsageError(f"formfunc: {sentence}")
    if not config.getoption("formfunc_list"):
        return None
    from pytest_formfunc.allocator import allocator_name
    from pytest_formfunc.backends import all_backends, distributions
    from pytest_formfunc.host import describe_host
    from pytest_formfunc.report.listing import render_listing

    session = config.stash.get(SESSION, None) or Session(config)
    try:
        _ = session.settings  # reading them also adds the names of other packages
        reasons = session.probe([entry.name for entry in all_backends()])
        host = {**describe_host(distributions()), "allocator": allocator_name()}
        for line in render_listing(reasons, host):
            print(line)
    finally:
        session.close()
        session.take_names_back()
    return 0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give the fixtures of the matrix their values."""
    if not any(name.startswith("formfunc_") for name in metafunc.fixturenames):
        return
    from pytest_formfunc.plugin.matrix import parametrize_matrix

    session = metafunc.config.stash[SESSION]
    try:
        parametrize_matrix(metafunc, session)
    except (FormfuncError, pytest.UsageError) as error:
        session.note_problem(str(error))  # reported as wrong usage when collection ends


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Seed the random generators before each test that measures, where a seed was given by option or ini key."""
    if PLAN in item.stash and options.is_given(item.config, "seed"):
        from pytest_formfunc.plugin.seeding import seed_everything

        seed_everything(item.config.stash[SESSION].settings.seed)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Plan every test that measures."""
    del session
    if is_search_step():
        from pytest_formfunc.plugin.lost_package import keep_searched

        keep_searched(config, items)
    measuring = [item for item in items if "formfunc" in getattr(item, "fixturenames", ())]
    if capture_folder() is not None:
        items[:] = measuring  # only these give the models that another run asked for
    if not measuring or config.stash[SESSION].problem:
        return
    from pytest_formfunc.plugin.matrix import plan_test

    if worker := config.stash[SESSION].worker:
        worker.drop_warning(items)
    for item in measuring:
        assert isinstance(item, pytest.Function)
        plan_test(item)
    state = config.stash[SESSION]
    if capture_folder() is None and state.settings.shard is not None:
        from pytest_formfunc.plugin.sharding import keep_part

        try:
            keep_part(state, items)
        except FormfuncError as error:
            state.note_problem(f"formfunc: {error}")


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count the tests that measure and that the user left out."""
    for item in items:
        if PLAN in item.stash or "formfunc" in getattr(item, "fixturenames", ()):
            item.config.stash[SESSION].note_deselected()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse what cannot be measured or compared, before anything is measured; then begin the run.

    An xdist worker tells its controller instead, before xdist tells it which tests there are.
    """
    state = session.config.stash[SESSION]
    if state.ending is not None:
        state.ending.register()
    if state.worker is None:
        _begin(session, state)
        return
    try:
        _begin(session, state)
    except pytest.UsageError as error:
        state.worker.refuse(str(error))


def _begin(session: pytest.Session, state: Session) -> None:
    plans = [item.stash[PLAN] for item in session.items if PLAN in item.stash]
    capturing = capture_folder() is not None  # another run needs the models and no measurements
    if not capturing and (state.problem or plans):
        state.refuse_late_hooks()
    if state.problem:
        raise pytest.UsageError(state.problem)
    if capturing:
        _note_plans(state, plans)
        return
    if session.config.option.collectonly:
        return
    state.refuse_unused_models(plans)
    if not plans and not state.plans_of_all:
        state.refuse_to_compare_nothing()
        return
    from pytest_formfunc.plugin import collection

    state.planned_tests = {plan.test for plan in plans}
    run = collection.begin(state, plans)
    if state.worker is not None:
        state.worker.say(collection.describe_collected(state, plans, run))
    elif state.settings.strict and state.settings.shard is None:  # of parts, merging them says what is missing
        session.items += collection.strict_items(session, run)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Measure first what may have lost most, where that is known before anything is measured."""
    state = session.config.stash[SESSION]
    unread = session.testsfailed and not session.config.option.continue_on_collection_errors  # then nothing runs
    if state.run is None or state.worker is not None or unread or not state.settings.against:
        return
    from pytest_formfunc.plugin.ordering import changed_first

    changed_first(state.run, session.items)


def _note_plans(state: Session, plans: Sequence[TestPlan]) -> None:
    """Write down for the run that compares with this revision what its tests ask for."""
    from pytest_formfunc.plugin.policies import describe_settings
    from pytest_formfunc.policy import Planned
    from pytest_formfunc.revisions.capture import note_planned

    folder = capture_folder()
    assert folder is not None
    tests = [Planned(plan.test, plan.group, plan.backend, plan.policy(state.settings)) for plan in plans]
    note_planned(folder, tests, describe_settings(state))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Say that a test measured nothing; while models are captured for another run, write down why one could not be."""
    report = yield
    folder = capture_folder()
    if report.when == "setup" and report.failed and call.excinfo is not None:
        from pytest_formfunc.plugin.sentence import explain_scope

        report.longrepr = explain_scope(str(call.excinfo.value)) or report.longrepr
    if report.failed and PLAN in item.stash and call.excinfo is not None and folder is None:
        _note_failure(item, call.excinfo.exconly(tryshort=True).splitlines()[0])
    if report.when == "call" and report.passed and PLAN in item.stash and not item.stash.get(CALLED, False):
        from pytest_formfunc.plugin.measured_test import name_to_paste

        session = item.config.stash[SESSION]
        sentence = "it asks for formfunc and never called it, so nothing was measured"
        if session.run is not None:
            session.run.results.never_called.append(name_to_paste(item))
        if folder is None and session.settings.strict:
            report.outcome = "failed"
            report.longrepr = f"{sentence}, which --formfunc-strict does not pass"
    if folder is not None and report.failed and PLAN in item.stash and call.excinfo is not None:
        from pytest_formfunc.revisions.capture import note_failed

        note_failed(folder, item.stash[PLAN].group, call.excinfo.exconly(tryshort=True).splitlines()[0])
    return report


def _note_failure(item: pytest.Item, reason: str) -> None:
    """Note in the journal why a test that failed has no record; the parts of a run are judged by their journals."""
    session, plan = item.config.stash[SESSION], item.stash[PLAN]
    key = item.stash.get(MEASURED, plan.key)
    if session.run is None or key in session.run.results.records or key in session.run.results.failures:
        return
    session.run.journal.fail(*key, f"its test failed: {reason}")


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """While models are captured for another run, write down which file could not be imported."""
    folder = capture_folder()
    if folder is not None and report.failed:
        from pytest_formfunc.revisions.capture import note_failed

        lines = [line for line in report.longreprtext.splitlines() if line.startswith("E  ")]
        note_failed(folder, report.nodeid, (lines or ["it does not import"])[-1].removeprefix("E").strip())


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_benchmark_compare_machine_info() -> Iterator[None]:
    """Ignore the error that pytest-benchmark raises if its storage is outside the working directory (its issue 217)."""
    try:
        return (yield)
    except ValueError:
        return None


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Write the report after pytest-benchmark's table."""
    session = config.stash[SESSION]
    results = session.results
    if results is None or not (results.records or results.failures or results.never_called):
        return
    from pytest_formfunc.report.files import write_report
    from pytest_formfunc.report.screen import screen_of
    from pytest_formfunc.report.terminal import render_report

    screen, quiet = screen_of(terminalreporter), session.settings.quiet
    terminalreporter.section("formfunc")
    for line in render_report(results, screen, quiet=quiet):
        terminalreporter.write_line(line.text, **line.markup)
    if session.tables_note and not quiet:
        terminalreporter.write_line(session.tables_note)
    reports = session.settings.reports
    for name in reports[-1:] if is_search_step() else reports:  # not those that an ini file has every run write
        path = config.invocation_params.dir / name
        try:
            terminalreporter.write_line(f"report written to {write_report(results, path)}")
        except (OSError, FormfuncError) as error:  # a full disk, say; the verdicts stand
            reason = getattr(error, "strerror", None) or error
            terminalreporter.write_line(f"report not written to {path}: {reason}", red=True)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        _annotate(terminalreporter, results)


def _annotate(reporter: Any, results: Results) -> None:
    """Print GitHub's commands for what regressed and what was not measured, at the lines of the tests."""
    from pytest_formfunc.report.annotations import render_annotations

    reports = (one for ended in reporter.stats.values() for one in ended if getattr(one, "location", None))
    lines = {one.nodeid: (one.location[1] or 0) + 1 for one in reports}
    for line in render_annotations(results, lines):
        reporter.write_line(line)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """End every worker, and the journal, before the report is written; then look for a package that lost a speedup."""
    state = session.config.stash[SESSION]
    state.close()
    if state.results is not None and state.settings.against_env:
        from pytest_formfunc.plugin.lost_package import search_lost_package

        search_lost_package(state, exitstatus)
    if state.results is not None and state.worker is None:
        from pytest_formfunc.plugin.benchmark_tables import leave_out_ours

        state.tables_note = leave_out_ours(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Note in a saved run whether it may become the baseline by itself, and what failed its tests."""
    state = config.stash[SESSION]
    if state.results is not None:
        from pytest_formfunc.fitness import describe_fitness
        from pytest_formfunc.policy import describe_policies

        said = describe_fitness(state.results.records.values(), complete=state.complete, red=state.is_red)
        if state.journal is not None and (header := state.journal.header) is not None:
            said |= {"policies": describe_policies(header), "settings": header.settings}
        output_json["formfunc"] = said


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End every worker if no session finished; remove the names that this session's hooks added."""
    session = config.stash.get(SESSION, None)
    if session is not None:
        session.close()
        session.take_names_back()
        session.forget_signals()
