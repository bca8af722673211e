"""The controller's part: distribute, gather what workers found, feed pytest-benchmark, and close like a plain run."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.journal.naming import new_run_name
from pytest_formfunc.plugin.given import all_given
from pytest_formfunc.plugin.saving import save_whole
from pytest_formfunc.plugin.sentence import report_failed
from pytest_formfunc.plugin.session import usage_errors
from pytest_formfunc.plugin.xdist.roles import ALIVE, ALIVE_EVERY_S, KEY

if TYPE_CHECKING:
    from pytest_formfunc.plugin.journalling import Continued
    from pytest_formfunc.plugin.session import Session
    from pytest_formfunc.plugin.xdist.messages import Collected, Measured
    from pytest_formfunc.plugin.xdist.watchdog import Watchdog
    from pytest_formfunc.results import Results

_SIGNS = 3  # of life that a worker may leave out at least, whatever the time limit
_RESTARTS = 4  # of crashed workers, for each


class ControllerSide:
    """The plugin of the controller, registered only there.

    Attributes:
        results: what all workers have found so far; None while no test that measures is known.
    """

    def __init__(self, session: Session) -> None:
        """Take this process' state."""
        config = session.config
        self.results: Results | None = None
        self._session = session
        self._config = config
        self._run = ""
        self._groups: dict[str, str] = {}
        self._collected: Collected | None = None
        self._problem = ""
        self._spent: dict[str, Any] = {}
        self._workers: dict[str, Any] = {}  # nodes by name
        self._lost: set[str] = set()
        self._case_of_worker: dict[str, str] = {}
        self._twice: list[str] = []
        self._have_collected: set[str] = set()
        self._has_begun = False
        self._watchdog: Watchdog | None = None
        self._continued: Continued | None = None
        if config.getoption("formfunc_resume") or session.named_journal is not None:
            from pytest_formfunc.plugin.journalling import open_to_continue, refuse_leftovers

            with usage_errors():
                if session.settings.resume:
                    self._continued = open_to_continue(session)
                else:
                    refuse_leftovers(session)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Give a worker the run's name, its journal, and a line of its own to this process."""
        name = node.gateway.id
        self._run = self._run or new_run_name()
        channel = node.gateway.newchannel()
        channel.setcallback(lambda text: self._hear(name, text))
        named = self._session.named_journal
        resume = str(self._continued.path) if self._continued else ""
        node.workerinput[KEY] = {
            "run": self._run,
            "journal": str(named or ""),
            "resume": resume,
            "channel": channel,
            "given": all_given(self._config),
        }
        self._workers[name] = node
        self._heard(name)

    @pytest.hookimpl(optionalhook=True, wrapper=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Generator[None, Any, Any]:
        """Let a scheduler keep the tests of a case together, if any test measures; else it is the usual one."""
        usual = yield
        if usual is None or config.getvalue("dist") == "each":
            return usual
        from pytest_formfunc.plugin.xdist.scheduling import Choice

        return Choice(config, log, usual, self._groups)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any) -> None:
        """Refuse what workers found to be wrong usage; open the journal when the first one has collected.

        Raises:
            pytest.UsageError: something is invalid; the message is one sentence.
        """
        self._have_collected.add(node.gateway.id)
        if self._problem:
            raise pytest.UsageError(self._problem)
        if self._collected is None:
            return
        if self._groups and self._config.getvalue("dist") == "each":
            raise pytest.UsageError(
                "formfunc: --dist each would measure every case once in each worker: use --dist load, and --tx with "
                "--formfunc-shard for many machines"
            )
        if self.results is None:
            self._begin(self._collected)
        if not self._has_begun and self._have_collected >= set(self._workers) and self.results is not None:
            self._has_begun = True  # nothing else runs on the machine until tests are distributed
            self.results.notes += self._about_cores(self._session.settings.cores)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        """Stop waiting for a worker; one that crashed may have begun a case that another one ends."""
        if self._watchdog is not None:
            self._watchdog.forget(node.gateway.id)
        if error:
            self._lost.add(node.gateway.id)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a report carries, before others write its properties down."""
        texts = [value for name, value in report.user_properties if name == KEY]
        if not texts:
            return
        from pytest_formfunc.plugin.xdist.messages import Measured

        report.user_properties = [one for one in report.user_properties if one[0] != KEY]
        for text in texts:
            self._take(report, Measured.from_text(str(text)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Iterator[None]:
        """After the last test make the checks of a strict run, each a failed test if it finds something."""
        del session
        result = yield
        for name, sentence in self._sentences():
            report_failed(self._config, name, sentence)
        return result

    def close(self, *, complete: bool) -> None:
        """End the journal, and remove the workers' files if this one has all that they have."""
        if self._watchdog is not None:
            self._watchdog.close()
        journal, results = self._session.gathered_journal, self.results
        if journal is None or results is None or not journal.is_open:
            self._close_unused()
            return
        from pytest_formfunc.journal.folder import collect_parts, read_with_parts
        from pytest_formfunc.journal.lines import COMPLETE, INTERRUPTED

        if journal.writer is not None and not journal.problem:
            path = journal.writer.path
            collect_parts(path, read_with_parts(path), journal.writer)
        journal.end(COMPLETE if complete else INTERRUPTED, results.spent)
        results.notes += journal.closing_notes(len(results.records))

    def _close_unused(self) -> None:
        """Close a journal that no run continues, and remove the files that workers have begun in vain."""
        if self._continued is not None:
            self._continued.writer.close()
        if self._collected is None and not self._problem:
            return
        from pytest_formfunc.journal.folder import parts_of
        from pytest_formfunc.plugin.journalling import path_of

        path = self._continued.path if self._continued is not None else path_of(self._session, self._run)
        for part in parts_of(path):
            part.unlink(missing_ok=True)

    def _hear(self, name: str, text: Any) -> None:
        """Take what a worker says; this is called by another thread."""
        self._heard(name)
        if text == ALIVE:  # workers of runs that measure nothing say so too, and nothing is loaded for them
            return
        from pytest_formfunc.plugin.xdist.messages import Collected

        collected = Collected.from_json(json.loads(text))
        if collected.problem:
            self._problem = self._problem or collected.problem
        elif self._collected is None and collected.header is not None:
            self._groups |= collected.groups
            self._collected = collected
            self._session.planned_tests |= set(collected.groups)

    def _heard(self, name: str) -> None:
        if self._watchdog is not None:
            self._watchdog.hear(name)

    def _begin(self, collected: Collected) -> None:
        from pytest_formfunc.plugin.journalling import open_gathered
        from pytest_formfunc.plugin.xdist.watchdog import Watchdog
        from pytest_formfunc.results import Results

        if collected.header is not None and collected.header.strict:  # by the other side's settings, which workers read
            self._session.use(replace(self._session.settings, strict=True))
        settings = self._session.settings
        self.results = Results(
            comparison=collected.comparison, best=settings.best, memory_note=collected.memory_note
        )  # fmt: skip
        self._session.heed_signals()
        save_whole(self._session, self._config)
        with usage_errors():
            self.results.notes += open_gathered(self._session, self._run, self._continued, collected)
        self._limit_restarts()
        self._watchdog = Watchdog(max(settings.timeout_s, _SIGNS * ALIVE_EVERY_S), self._end_silent)
        for name in self._workers:
            self._watchdog.hear(name)
        self._watchdog.start()

    def _limit_restarts(self) -> None:
        """Give --tx the limit that xdist has for -n: a case that ends every worker would otherwise do so for ever."""
        dsession = self._config.pluginmanager.get_plugin("dsession")
        if dsession is not None and getattr(dsession, "_max_worker_restart", 0) is None:
            dsession._max_worker_restart = _RESTARTS * len(self._workers)

    def _about_cores(self, size: int) -> list[str]:
        """Return sentences about the cores that workers share, or that each of them has."""
        from pytest_formfunc.measure.core_sets import core_sets, disturbance_between
        from pytest_formfunc.measure.host_lock import HostLock
        from pytest_formfunc.units import format_estimate

        cores, workers = sorted(os.sched_getaffinity(0)), len(self._workers)
        if not size:
            alone = len(cores) == 1 and workers > 1
            return [f"{workers} workers have one core together, so each waits for the others"] if alone else []
        sets = core_sets(cores, size)[:workers]
        shared = [f"{workers} workers take turns on {len(sets)} sets of cores"] if workers > len(sets) else []
        if len(sets) < 2:
            return shared
        try:
            with HostLock().measuring():
                found = disturbance_between(sets)
        except MeasurementError as error:
            return [*shared, f"how much the sets of cores disturb each other is not known: {error}"]
        slowed = [
            f"cores {','.join(map(str, one))}: a call takes {format_estimate(ratio)} as long beside the others"
            for one, ratio in zip(sets, found, strict=True)
        ]
        return [*shared, *slowed]

    def _take(self, report: pytest.TestReport, found: Measured) -> None:
        from pytest_formfunc.plugin.benchmark_bridge import replay
        from pytest_formfunc.results import add_spent

        results, journal = self.results, self._session.gathered_journal
        if results is None:
            return
        worker = str(getattr(report, "worker_id", ""))
        self._spent[worker] = found.spent
        results.spent = add_spent(self._spent.values())
        results.failures |= found.failures
        for key, reason in found.failures.items():
            if journal is not None:
                journal.fail(*key, reason)
        results.notes += [note for note in found.notes if note not in results.notes]
        if found.never_called:
            results.never_called.append(report.nodeid)
        for row in found.rows:
            key = row.record.key
            before = results.records.get(key)
            if before is None or key == found.own:
                results.records[key] = row.record
                if journal is not None:
                    journal.add(row)
        if found.judged is not None and journal is not None:
            journal.judge(found.judged)
        if found.own is None:
            return
        results.tests[found.own] = found.test
        self._check_worker(found.own[0], worker)
        record = results.records[found.own]
        if found.bench is not None:
            replay(self._config, report.nodeid, found.bench, record)
        self._config.hook.pytest_formfunc_record(config=self._config, record=record)

    def _check_worker(self, case: str, worker: str) -> None:
        """Note a case whose tests ran on two workers, unless the first one crashed."""
        first = self._case_of_worker.setdefault(case, worker)
        if first != worker and first not in self._lost:
            self._twice.append(f"{case} was measured by {first} and by {worker}: all tests of a case belong to one")
        self._case_of_worker[case] = worker

    def _sentences(self) -> Iterator[tuple[str, str]]:
        """Yield a test's name, and the sentence that it fails with, for each fault of the whole run."""
        if self.results is None:
            return
        from pytest_formfunc.gate.completeness import ALL_JUDGED, missing_sentences, why_incomplete

        for sentence in dict.fromkeys(self._twice):
            yield "formfunc-two-workers", sentence
        comparison = self.results.comparison
        if not self._session.settings.strict or self._session.settings.shard is not None:
            return
        yield from missing_sentences(comparison)
        if comparison.title and (sentence := why_incomplete(self.results, self._session.settings.accept)):
            yield ALL_JUDGED, sentence

    def _end_silent(self, name: str, seconds: float) -> None:
        """Kill a worker that gave no sign of life."""
        from pytest_formfunc.plugin.xdist.watchdog import kill

        if self.results is not None:
            self.results.notes.append(
                f"worker {name} gave no sign of life for {seconds:.0f} s (--formfunc-timeout) and was ended"
            )
        kill(self._workers[name].gateway)
