"""Note how a session ended, before pytest-benchmark saves what it has."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_formfunc.plugin.session import Session


class Ending:
    """The plugin whose hook comes before all others when a session ends."""

    def __init__(self, session: Session) -> None:
        """Take this process' state."""
        self._session = session

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None, Any, Any]:
        """Note whether tests were left: after Ctrl-C, -x, an error of the whole run, or where workers were lost."""
        state = self._session
        fine = {0, 1} | ({int(pytest.ExitCode.NO_TESTS_COLLECTED)} if state.plans_of_all else set())  # an empty part
        ended = int(exitstatus) in fine
        stopped = bool(session.shouldstop or session.shouldfail)
        state.complete = ended and not stopped and state.planned_tests <= state.reported_tests
        return (yield)

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note that a test has ended."""
        if report.when == "teardown" or report.failed:
            self._session.reported_tests.add(report.nodeid)
