"""Note how a session ended, before pytest-benchmark saves what it has; the closing check may turn it red."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_formfunc.plugin.given import asks_for_strict_comparison, given

if TYPE_CHECKING:
    from pytest_formfunc.plugin.session import Session

_NAME = "formfunc-ending"
PASSES = (int(pytest.ExitCode.OK), int(pytest.ExitCode.NO_TESTS_COLLECTED))
_FAILED = int(pytest.ExitCode.TESTS_FAILED)


class Ending:
    """The plugin whose hook comes before all others when a session ends, and whose last word counts."""

    def __init__(self, session: Session) -> None:
        """Take this process' state."""
        self._session = session

    def register(self) -> None:
        """Become the outermost plugin; again when collection has ended, which imports further ``conftest.py`` files."""
        manager = self._session.config.pluginmanager
        if manager.has_plugin(_NAME):
            manager.unregister(name=_NAME)
        manager.register(self, _NAME)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """After the last test judge what its cases lost together: a failed test counts as any other does."""
        del session
        result = yield
        if self._session.results is not None:
            from pytest_formfunc.plugin.pools import report_pooled

            report_pooled(self._session)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None, Any, Any]:
        """Note whether tests were left: after Ctrl-C, -x, an error of the whole run, or where workers were lost.

        Then check that all that fails the run has failed a test; where it has not, the run is red all the same.
        """
        state, status = self._session, int(exitstatus)
        state.ignore_signals()
        fine = {0, 1} | ({int(pytest.ExitCode.NO_TESTS_COLLECTED)} if state.plans_of_all else set())  # an empty part
        stopped = bool(session.shouldstop or session.shouldfail)
        state.complete = status in fine and not stopped and state.planned_tests <= state.reported_tests
        red = state.worker is None and self._is_red(status, stopped=stopped)
        state.was_checked, state.is_red = True, state.lost_something(red=red)
        try:
            return (yield)
        except (pytest.exit.Exception, SystemExit) as error:
            code = error.code if isinstance(error, SystemExit) else error.returncode
            if (red or state.is_unsaved) and code in (None, *PASSES):
                raise pytest.exit.Exception(str(error), _FAILED) from None
            raise
        finally:
            if (red or state.is_unsaved) and int(session.exitstatus) in PASSES:
                session.exitstatus = _FAILED if status in PASSES else status

    def _is_red(self, status: int, *, stopped: bool) -> bool:
        state = self._session
        if state.results is None:
            if status not in PASSES or given(state.config, "collectonly"):
                return False
            if not asks_for_strict_comparison(state.config):
                return False
            from pytest_formfunc.plugin.closing import report_nothing_begun

            report_nothing_begun(state)
            return True
        if stopped and status not in PASSES:  # red already, with tests that were left on purpose
            return state.settings.strict
        from pytest_formfunc.plugin.closing import close_run

        found = close_run(state) if status in (*PASSES, _FAILED) else False
        return found or (state.settings.strict and status not in PASSES)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note whether a test counts as failed."""
        if report.failed and not hasattr(report, "wasxfail"):
            self._session.failed_tests.add(report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Note that a test has ended, by its own id: code of the project may give its reports another one."""
        self._session.reported_tests.add(nodeid)
