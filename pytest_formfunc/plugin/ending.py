"""Note how a session ended, before pytest-benchmark saves what it has; the closing check may turn it red."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_formfunc.plugin.session import Session

_PASSES = (int(pytest.ExitCode.OK), int(pytest.ExitCode.NO_TESTS_COLLECTED))


class Ending:
    """The plugin whose hook comes before all others when a session ends, and whose last word counts."""

    def __init__(self, session: Session) -> None:
        """Take this process' state."""
        self._session = session

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None, Any, Any]:
        """Note whether tests were left: after Ctrl-C, -x, an error of the whole run, or where workers were lost.

        Then check that all that fails the run has failed a test; where it has not, the run is red all the same.
        """
        state = self._session
        fine = {0, 1} | ({int(pytest.ExitCode.NO_TESTS_COLLECTED)} if state.plans_of_all else set())  # an empty part
        ended = int(exitstatus) in fine
        stopped = bool(session.shouldstop or session.shouldfail)
        state.complete = ended and not stopped and state.planned_tests <= state.reported_tests
        to_check = ended and not stopped and state.worker is None and state.results is not None
        red = to_check and self._close()
        try:
            result = yield
        except pytest.exit.Exception as error:
            if (red or state.is_unsaved) and error.returncode in _PASSES:
                raise pytest.exit.Exception(str(error.msg), int(pytest.ExitCode.TESTS_FAILED)) from None
            raise
        if (red or state.is_unsaved) and int(session.exitstatus) in _PASSES:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return result

    def _close(self) -> bool:
        from pytest_formfunc.plugin.closing import close_run

        return close_run(self._session)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note that a test has ended, and whether it counts as failed."""
        if report.when == "teardown" or report.failed:
            self._session.reported_tests.add(report.nodeid)
        if report.failed and not hasattr(report, "wasxfail"):
            self._session.failed_tests.add(report.nodeid)
