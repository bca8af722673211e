"""A worker's part: it says what it collected, and sends what each test has measured with the test's report."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from pytest_formfunc.measure.host_lock import INSIDE_VARIABLE, HostLock
from pytest_formfunc.plugin.benchmark_bridge import drop_xdist_warning
from pytest_formfunc.plugin.plan import CALLED, MEASURED, PLAN
from pytest_formfunc.plugin.xdist.roles import ALIVE, ALIVE_EVERY_S, KEY, Assignment

if TYPE_CHECKING:
    from pytest_formfunc.plugin.session import Session
    from pytest_formfunc.plugin.xdist.messages import Collected, Measured


class WorkerSide:
    """The plugin of a worker, registered only there."""

    def __init__(self, session: Session, assignment: Assignment) -> None:
        """Take this process' state, and what the controller told it."""
        self._session = session
        self._channel = assignment.channel
        self._is_measuring = False
        self._sent: set[tuple[str, str]] = set()  # what the controller has, at least without a verdict
        self._lock = HostLock()
        threading.Thread(target=self._say_alive, daemon=True).start()

    def drop_warning(self, items: Sequence[pytest.Item]) -> None:
        """Keep pytest-benchmark from saying that it is switched off here: the controller has its table."""
        drop_xdist_warning(self._session.config, items)

    def refuse(self, sentence: str) -> None:
        """Tell the controller why nothing can be measured; it ends the run."""
        from pytest_formfunc.plugin.xdist.messages import Collected

        self._channel.send(Collected(problem=sentence).to_text())

    def say(self, collected: Collected) -> None:
        """Tell the controller what was collected."""
        self._is_measuring = bool(collected.groups)
        self._channel.send(collected.to_text())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Let no test that measures begin to measure while an ordinary test runs."""
        if not self._is_measuring or PLAN in item.stash:
            return (yield)
        with self._lock.preparing():
            before = os.environ.get(INSIDE_VARIABLE)
            os.environ[INSIDE_VARIABLE] = "1"
            try:
                return (yield)
            finally:
                os.environ.pop(INSIDE_VARIABLE, None)
                if before is not None:
                    os.environ[INSIDE_VARIABLE] = before

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Let the report of a test that measures carry what was found."""
        report: Any = yield
        if PLAN in item.stash and call.when == "call":
            report.user_properties.append((KEY, self._found(item).to_text()))
        return report

    def _found(self, item: pytest.Item) -> Measured:
        from pytest_formfunc.plugin.xdist.messages import Benchmarked, Measured, plain

        plan, run = item.stash[PLAN], self._session.run
        if run is None:
            return Measured()
        results, found = run.results, Measured(spent=run.results.spent, notes=run.results.notes)
        found.never_called = not item.stash.get(CALLED, False) and bool(results.never_called)
        key = item.stash.get(MEASURED, None)
        if key is None:
            return found
        of_case = [one for one in results.records if one[0] == key[0] and one not in self._sent and one != key]
        self._sent |= {key, *of_case}
        found.rows = [row for one in [*of_case, key] if (row := run.row_of(one)) is not None]
        found.failures = {one: reason for one, reason in results.failures.items() if one[0] == key[0]}
        found.own = key if key in results.records else None
        found.judged = run.journal.judged.get(item.nodeid)
        found.test = results.tests.get(key, "")
        if "benchmark" in getattr(item, "funcargs", {}):
            fixture = item.funcargs["benchmark"]  # type: ignore[attr-defined]
            callspec = getattr(item, "callspec", None)
            marker = item.get_closest_marker("benchmark")
            found.bench = Benchmarked(
                item.name,
                str(marker.kwargs.get("group", plan.group) if marker else plan.group),
                None if callspec is None else callspec.id,
                None if callspec is None else {name: plain(value) for name, value in callspec.params.items()},
                {name: plain(value) for name, value in fixture.extra_info.items() if name != KEY},
            )
        return found

    def _say_alive(self) -> None:
        """Send a sign of life again and again; a process that is stopped sends none."""
        pause = threading.Event()
        while not pause.wait(ALIVE_EVERY_S):
            try:
                self._channel.send(ALIVE)
            except Exception:  # noqa: BLE001 - the connection has ended, and with it this process' work
                return
