"""One run: prepare, measure, judge. A report reads nothing but the results of the run."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_formfunc.allocator import why_not_kept
from pytest_formfunc.backends import NATIVE, backend_entry
from pytest_formfunc.cases import Case
from pytest_formfunc.errors import MeasurementError, WorkerDied, one_line
from pytest_formfunc.gate.decision import LOCKS
from pytest_formfunc.gate.judges import make_judge
from pytest_formfunc.journal.lines import COMPLETE, INTERRUPTED, Row
from pytest_formfunc.measure.both_sides import BothSides
from pytest_formfunc.measure.case_measurer import CaseMeasurer
from pytest_formfunc.measure.effort import Effort, MoreLaunches
from pytest_formfunc.measure.host_lock import HostLock
from pytest_formfunc.measure.launch import PreparedSide, launcher
from pytest_formfunc.measure.lineup import line_up
from pytest_formfunc.measure.pace import Pace
from pytest_formfunc.measure.participants import Side
from pytest_formfunc.measure.reservations import Reservations
from pytest_formfunc.measure.schedule import WANTED_LAUNCHES
from pytest_formfunc.measure.together import Reserve, measure_together
from pytest_formfunc.measure.workers import WorkerServer
from pytest_formfunc.records import Key, Record
from pytest_formfunc.records.parts import Verdict
from pytest_formfunc.results import Results, Spent
from pytest_formfunc.run.collecting import collect
from pytest_formfunc.run.observing import observe
from pytest_formfunc.run.order import changed_cases, is_same_native
from pytest_formfunc.run.pacing import conditions_of, pace_of_host
from pytest_formfunc.run.stages import Measured, Ready, Settled, TakenOver, other_side
from pytest_formfunc.run.telling import Teller
from pytest_formfunc.run.work import Work, groups_of
from pytest_formfunc.stats.servers import ENOUGH_SERVERS

_LAUNCH_S = 0.5  # about the seconds of a launch of a small case, to begin no more servers than are needed


class Run:
    """Measures and judges one case after another.

    Attributes:
        results: what the run has found so far.
        journal: where it notes that.
    """

    def __init__(
        self,
        work: Work,
        workers: WorkerServer,
        scratch: Path,
        show: Callable[[str], None] | None = None,
        starting_s: float = 0.0,
    ) -> None:
        """Take the work and what it needs.

        Args:
            work: what to measure and compare.
            workers: starts the worker processes; the caller ends them.
            scratch: a folder for outputs; the caller removes it.
            show: shows a short progress text, and clears it if the text is empty; None if progress is not shown.
            starting_s: seconds that starting the worker processes took, for the report.
        """
        settings = work.settings
        self.results = Results(spent=Spent(starting_s=starting_s), comparison=work.comparison, best=settings.best)
        self._settings = settings
        self._work = work
        self._workers = workers
        self._scratch = scratch
        self._teller = Teller(show, work, workers.clock)
        self._lock = HostLock(say=self._teller.say)
        self._lock.notes = self.results.notes
        self._reservations = Reservations(say=self._teller.say)
        self._sides = BothSides(
            workers,
            settings.cache_dir,
            settings.native,
            {name: (case, work.backends[name]) for name, case in work.known_cases.items()},
            len(work.backends),
            work.other,
            self.results.spent,
            self._teller.say,
            self._reservations,
            scratch / "artifacts",
            self._teller.left.note_preparing,
        )
        self._judge = make_judge(
            other_side(work.other) if work.other is not None else work.baseline,
            settings.gate,
            work.comparison.comparisons,
            settings.escalation_s,
            LOCKS[settings.threshold_means],
            in_order=work.is_alone,
        )
        self._measured: dict[str, Measured | Settled | TakenOver | MeasurementError] = {}
        self.journal = work.journal
        self._begun = 0  # cases that were prepared to be measured
        self._settled: set[Key] = set()
        self._reserve = Reserve()
        self._pace: Pace | None = None
        self._groups = groups_of([*work.known_cases], work.group)
        self._not_kept = why_not_kept()
        self.results.memory_note = self._not_kept or ""

    @property
    def known_cases(self) -> Collection[str]:
        """Return the ids of the cases that no test has to build."""
        return self._work.known_cases

    def changed_cases(self) -> set[str]:
        """Prepare the known cases; return those that execute another program on the other side, by id.

        None where each may have changed: the other side has other packages. None either where nothing is compared side
        by side, or where other processes measure the rest of the run.
        """
        other, work = self._work.other, self._work
        if other is None or not other.has_same_packages or not work.is_alone:
            return set()
        with self._lock.preparing():
            self._begin_servers(once=self._settings.gate == "graph")
            return changed_cases(self._sides, work.known_cases, work.backends)

    def measure_first(self, cases: Collection[str]) -> None:
        """Measure some known cases in turn with each other, before the others."""
        known = self._work.known_cases
        self._groups = groups_of(sorted(known, key=lambda name: name not in cases), self._work.group)

    def measure(self, case: Case, group: str, *, once: bool = False) -> None:
        """Measure a case's backends together, unless this was done before; failures become results, not exceptions.

        A case that was known when the run began is measured in turn with others that were known as well.

        Args:
            case: the case to measure.
            group: the group of the tests that measure it, whose backends take part.
            once: whether to make only one call of each backend, to check parity.
        """
        if case.id in self._measured:
            return
        once = once or self._settings.gate == "graph"
        self._teller.left.budget_s *= not once
        known = self._work.known_cases
        others = {name: (known[name], name) for name in self._groups.get(case.id, ()) if name not in self._measured}
        todo = {case.id: (case, group)} | others
        workers, spent, started_s = self._workers, self.results.spent, self._workers.starting_s
        ready: list[Ready] = []
        try:
            with self._lock.preparing():
                if not all(self.journal.has_all(name, self._backends_of(of_it)) for name, (_, of_it) in todo.items()):
                    self._begin_servers(once=once)
                for wanted, of_it in todo.values():
                    ready += self._prepare(wanted, of_it, once=once)
                if ready:
                    workers.wait()
            if not ready:
                return
            alone = self._lock.preparing() if once else self._lock.measuring()
            with (
                alone,
                self._reservations.reserve(max(one.weight_in_memory for one in ready)),
                self._teller.left.measuring(len(ready)),
            ):
                began = workers.clock()
                measure_together(
                    [(one.measured.measurer, one.effort) for one in ready],
                    self._reserve,
                    self._pace_of(once=once),
                    lambda index: self._note_early(ready[index]),
                )
                spent.measuring_s += workers.clock() - began
                for one in ready if self._settings.why and not once else ():
                    self._observe(one)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a server does not start; or a test's time limit, which ends that test alone
            is_known = isinstance(error, WorkerDied)
            for one in (one for one in ready if not one.measured.measurer.result.stopped):
                reason = str(error) if is_known else f"measuring it ended early: {one_line(error)}"
                self._fail(one.case, one.backends, MeasurementError(reason))
            if not is_known:
                raise
        finally:  # an interrupted run reports what it has
            spent.starting_s += workers.starting_s - started_s
            spent.locked_s = self._lock.waited_s
            if self._pace is not None:
                spent.waited_s, spent.paces = self._pace.waited_s, self._pace.shares()
            for one in ready:
                self._finish(one.case, one.measured)
            self._teller.say("")

    def judge(self, case: Case, backend: str, threshold: float) -> Verdict | None:
        """Compare a record with the other revision or the baseline, with further launches while this is inconclusive.

        Args:
            case: the measured case.
            backend: name of the accelerated backend to judge.
            threshold: the loss of speedup that counts, as a fraction.

        Returns:
            The verdict, which the record gets too, or None if no comparison was asked for, if nothing was timed that
            should be judged by time, or if the case failed.
        """
        key = (case.id, backend)
        measured = self._measured[case.id]
        known = self.results.records[key].verdict if key in self.results.records else None
        again = key in self._settled and known is not None and known.threshold == threshold
        if isinstance(measured, TakenOver | Settled) or again:  # a test that is run again gets no second chance
            return known
        try:
            verdict = self._judge_record(case, key, threshold)
        finally:
            self._settled.add(key)
        if isinstance(measured, Measured):
            self._note(measured, case.id, [backend])
        return verdict

    def keep(self, record: Record) -> None:
        """Put a record in the place of that of the same case and backend, in the journal too."""
        self.results.records[record.key] = record
        measured = self._measured[record.case]
        if isinstance(measured, Measured | Settled):
            self._note(measured, record.case, [record.backend])
        elif isinstance(measured, TakenOver):
            self.journal.update(record)
        if isinstance(measured, Measured) and self.journal.has_once(
            measured.group, [name for case, name in self._settled if case == record.case]
        ):
            self._measured[record.case] = measured.forget()

    def close(self) -> None:
        """End what measured the machine's pace, and note it for the next run; it may be called repeatedly."""
        if self._pace is not None:
            self._pace.close()

    def end(self, *, complete: bool) -> None:
        """Note in the journal whether tests were left, and for the report what it has; only the first call counts."""
        journal, notes = self.journal, self.results.notes
        if journal.writer is None or not journal.is_open:
            return
        journal.end(COMPLETE if complete else INTERRUPTED, self.results.spent)
        notes += journal.closing_notes(len(self.results.records))

    def row_of(self, key: Key) -> Row | None:
        """Return what the journal has of a case and backend, or None."""
        row, record = self.journal.rows.get(key), self.results.records.get(key)
        return None if row is None or record is None else replace(row, record=record)

    def _pace_of(self, *, once: bool) -> Pace:
        """Return what says whether the machine is slow.

        Nobody asks where nothing is timed, nor where native runs on a GPU: the pace is that of the CPU's threads.
        """
        if once or backend_entry(self._settings.native).gpu:
            return Pace()
        self._pace = self._pace or pace_of_host(self._workers, self._settings)
        return self._pace

    def _judge_record(self, case: Case, key: Key, threshold: float) -> Verdict | None:
        backend, records = key[1], self.results.records
        if self._judge is None or backend == NATIVE or key not in records:
            return None
        if records[key].once and self._settings.gate == "time":
            return None
        measured = self._measured[case.id]
        assert isinstance(measured, Measured)
        look_again = functools.partial(self._look_again, case, measured)
        judgement = self._judge.judge(measured.evidence(key, records, look_again), threshold)
        if judgement is None or key not in records:
            return None
        records[key] = replace(records[key], verdict=judgement.verdict, against=judgement.counterpart)
        return judgement.verdict

    def _begin_servers(self, *, once: bool) -> None:
        """Start as many servers as a case surely needs; the others start when they are first needed."""
        affordable = int(self._settings.budget_s / _LAUNCH_S)
        count = 1 if once else max(2, min(WANTED_LAUNCHES, affordable))
        for environment in {None, self._work.other.workspace.environment if self._work.other is not None else None}:
            self._workers.begin(count, environment)

    def _prepare(self, case: Case, group: str, *, once: bool) -> list[Ready]:
        """Prepare a case and return what measures it; nothing if this fails, which is a result."""
        settings, backends = self._settings, self._backends_of(group)
        try:
            here, there = self._sides.prepare(case, backends, self._prepared_with(case))
        except MeasurementError as error:
            self._fail(case, backends, error)
            return []
        identity = self.journal.identity(here, there)
        taken = self.journal.take(case.id, group, backends, identity, once=once)
        if taken is not None:
            self._measured[case.id] = TakenOver()
            self.results.records |= taken
            return []
        sides = {Side.HERE: here}
        if isinstance(there, PreparedSide):
            sides[Side.THERE] = there
        prepared = {side: one.prepared for side, one in sides.items()}
        same_native = is_same_native(here, there, self._work.other)
        lineup = line_up(backends, prepared, keep=not once and self._not_kept is None, same_native=same_native)
        self._begun += 1
        measurer = CaseMeasurer(
            lineup,
            launcher(self._workers, sides, case.seed, settings.slow_down, compared=lineup.compared),
            self._scratch,
            conditions_of(settings, self._workers, self._pace_of(once=once)),
            self._teller.progress(case, self._begun),
        )
        # Each backend beyond the first accelerated one adds half of the budget.
        budget_s = settings.budget_s * max(2, lineup.tested) / 2
        enough = ENOUGH_SERVERS if Side.THERE in sides else math.inf
        effort = Effort(settings.precision, budget_s, once=once, enough=enough, limited=group in self._work.limited)
        return [
            Ready(case, backends, Measured(measurer, here, there, group, identity), effort, len(lineup.participants))
        ]

    def _prepared_with(self, case: Case) -> Collection[str]:
        """Return the cases that are prepared before this one is measured, so that nothing else runs beside it."""
        return self._work.known_cases if self._work.is_alone else self._groups.get(case.id, ())

    def _backends_of(self, group: str) -> tuple[str, ...]:
        return self._work.backends.get(group, (NATIVE,))

    def _note(self, measured: Measured | Settled, case: str, backends: Sequence[str]) -> None:
        """Append to the journal what is known of a case, by its id, on some backends."""
        keys, results = [(case, name) for name in backends], self.results
        records = [results.records[key] for key in keys if key in results.records]
        self.journal.note(records, measured.group, measured.identity, measured.seconds, results.tests)
        for key in keys:
            if key in results.failures:
                self.journal.fail(*key, results.failures[key])

    def _note_early(self, ready: Ready) -> None:
        """Append a case that is measured to the journal, while those that it is measured in turn with go on.

        Time that they leave over may still improve it; then its last row counts.
        """
        self._collect(ready.case, ready.measured)
        self._note(ready.measured, ready.case.id, ready.backends)

    def _fail(self, case: Case, backends: Sequence[str], error: MeasurementError) -> None:
        """Make the failure of a whole case a result."""
        self._measured[case.id] = error
        for name in backends:
            self.results.failures[case.id, name] = str(error)
            self.journal.fail(case.id, name, str(error))

    def _finish(self, case: Case, measured: Measured) -> None:
        """Turn a measured case into results, unless it failed."""
        if case.id in self._measured:
            return
        result, spent = measured.measurer.result, self.results.spent
        self._measured[case.id] = measured
        measured.measurer.judge_paces()
        self._collect(case, measured)
        if result.stopped:  # not where it was interrupted
            self._note(measured, case.id, self._backends_of(measured.group))
        spent.loading_s += result.load_s
        spent.discarded_rounds += result.discarded
        spent.stops[result.stopped] = spent.stops.get(result.stopped, 0) + 1

    def _observe(self, ready: Ready) -> None:
        """Observe a case by instruments; its records have what they find from then on."""
        began, settings, pace = self._workers.clock(), self._settings, self._pace_of(once=False)
        self._collect(ready.case, ready.measured)
        observe(ready, self.results, self._sides, self._workers, self._scratch, self._teller.say, settings, pace)
        self.results.spent.observing_s += self._workers.clock() - began

    def _look_again(self, case: Case, measured: Measured, more: MoreLaunches) -> float:
        """Make further launches of a case; return the seconds that they took."""
        spent, workers = self.results.spent, self._workers
        began, loaded_s, started_s = workers.clock(), measured.measurer.result.load_s, workers.starting_s
        spent.second_looks += 1
        locked_s = self._lock.waited_s
        try:
            with self._lock.measuring():
                measured.measurer.measure_more(more)
        finally:
            self._teller.say("")
        locked_s = self._lock.waited_s - locked_s
        spent.locked_s += locked_s
        seconds = workers.clock() - began - locked_s
        spent.starting_s += workers.starting_s - started_s
        spent.measuring_s += seconds
        spent.loading_s += measured.measurer.result.load_s - loaded_s
        self._collect(case, measured)
        return seconds

    def _collect(self, case: Case, measured: Measured) -> None:
        collect(case, measured, self.results, self._settled, self._settings.threads)
