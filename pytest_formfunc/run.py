"""One run: prepare, measure, judge. A report reads nothing but the results of the run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pytest_formfunc.backends import NATIVE, distributions
from pytest_formfunc.cases import Case
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.gate.baseline import Baseline
from pytest_formfunc.gate.judge import Evidence, OtherSide
from pytest_formfunc.gate.judges import make_judge
from pytest_formfunc.host import describe_host
from pytest_formfunc.measure.assemble import assemble_record
from pytest_formfunc.measure.both_sides import BothSides
from pytest_formfunc.measure.case_measurer import CaseMeasurer, Effort, MoreLaunches
from pytest_formfunc.measure.launch import PreparedSide, launcher
from pytest_formfunc.measure.participants import Participant, Side
from pytest_formfunc.measure.workers import WorkerServer
from pytest_formfunc.records import Verdict
from pytest_formfunc.report.progress import CaseProgress
from pytest_formfunc.results import Absent, Comparison, Results, Spent
from pytest_formfunc.revisions.other_revision import OtherRevision
from pytest_formfunc.settings import Settings


@dataclass(frozen=True)
class Work:
    """What a run will measure and compare; all of this is known before anything is measured.

    Attributes:
        settings: the settings of the run.
        backends: names of the backends of each case, native first, by the case's id.
        known_cases: the cases that can be built without running a test, by id.
        comparison: a description of what the run is compared with, for reports.
        baseline: the saved run that it is compared with, or None.
        other: the other revision that it is compared with, or None.
    """

    settings: Settings
    backends: Mapping[str, tuple[str, ...]]
    known_cases: Mapping[str, Case] = field(default_factory=dict)
    comparison: Comparison = field(default_factory=Comparison)
    baseline: Baseline | None = None
    other: OtherRevision | None = None


@dataclass(frozen=True)
class _Measured:
    """A measured case, of which further launches can be made."""

    measurer: CaseMeasurer
    here: PreparedSide
    there: PreparedSide | Absent | None


class Run:
    """Measures and judges one case after another.

    Attributes:
        results: what the run has found so far.
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
        self._show = show
        self._sides = BothSides(
            workers,
            settings.cache_dir,
            settings.native,
            {name: (case, work.backends[name]) for name, case in work.known_cases.items()},
            len(work.backends),
            work.other,
            self.results.spent,
            self._say,
        )
        self._judge = make_judge(
            _other_side(work.other) if work.other is not None else work.baseline,
            settings.gate,
            work.comparison.comparisons,
            settings.escalation_s,
        )
        self._measured: dict[str, _Measured | MeasurementError] = {}

    def measure(self, case: Case, group: str, *, once: bool = False) -> None:
        """Measure a case's backends together, unless this was done before; failures become results, not exceptions.

        Args:
            case: the case to measure.
            group: the group of the tests that measure it, whose backends take part.
            once: whether to make only one call of each backend, to check parity.
        """
        if case.id in self._measured:
            return
        backends = self._work.backends.get(group, (NATIVE,))
        try:
            here, there = self._sides.prepare(case, backends)
            self._measured[case.id] = self._measure(case, backends, here, there, once=once)
        except MeasurementError as error:
            self._measured[case.id] = error
            for name in backends:
                self.results.failures[case.id, name] = str(error)
        finally:
            self._say("")

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
        key, records = (case.id, backend), self.results.records
        if self._judge is None or backend == NATIVE or key not in records:
            return None
        if records[key].once and self._settings.gate == "time":
            return None
        judgement = self._judge.judge(self._evidence(case, backend), threshold)
        if judgement is None or key not in records:
            return None
        records[key] = replace(records[key], verdict=judgement.verdict, against=judgement.counterpart)
        return judgement.verdict

    def _measure(
        self,
        case: Case,
        backends: Sequence[str],
        here: PreparedSide,
        there: PreparedSide | Absent | None,
        *,
        once: bool,
    ) -> _Measured:
        """Measure all participants that could be prepared, until the effort is spent."""
        sides = {Side.HERE: here}
        refused = {Participant(name): reason for name, reason in here.prepared.refused.items()}
        participants = [Participant(name) for name in backends if Participant(name) not in refused]
        if isinstance(there, PreparedSide):
            sides[Side.THERE] = there
            refused |= {Participant(name, Side.THERE): reason for name, reason in there.prepared.refused.items()}
            participants += [one.counterpart for one in participants if one.counterpart not in refused]
        settings, spent = self._settings, self.results.spent
        slow_down = {Participant(name): fraction for name, fraction in settings.slow_down.items()}
        measurer = CaseMeasurer(
            participants,
            launcher(self._workers, sides, case.seed, slow_down),
            self._scratch,
            progress=self._progress_of(case),
            refused=refused,
        )
        began = time.monotonic()
        budget_s = settings.budget_s * max(2, len(participants)) / 2
        measurer.measure(Effort(settings.precision, budget_s, once=once or settings.gate == "graph"))
        spent.measuring_s += time.monotonic() - began
        spent.loading_s += measurer.result.load_s
        measured = _Measured(measurer, here, there)
        self._collect(case, measured)
        stopped = measurer.result.stopped
        spent.stops[stopped] = spent.stops.get(stopped, 0) + 1
        return measured

    def _look_again(self, case: Case, measured: _Measured, more: MoreLaunches) -> float:
        """Make further launches of a case; return the seconds that they took."""
        spent = self.results.spent
        began, loaded_s = time.monotonic(), measured.measurer.result.load_s
        spent.second_looks += 1
        try:
            measured.measurer.measure_more(more)
        finally:
            self._say("")
        seconds = time.monotonic() - began
        spent.measuring_s += seconds
        spent.loading_s += measured.measurer.result.load_s - loaded_s
        self._collect(case, measured)
        return seconds

    def _collect(self, case: Case, measured: _Measured) -> None:
        """Turn what was measured on this side into records and failures."""
        results, measurement = self.results, measured.measurer.result
        for participant, reason in measurement.failures.items():
            if participant.here:  # a failure on the other side is part of the verdict
                results.failures[case.id, participant.backend] = reason
                results.records.pop((case.id, participant.backend), None)
        host = describe_host(distributions())
        for participant, series in measurement.series.items():
            if not participant.here:
                continue
            record = assemble_record(
                case, participant, measurement, measured.here.prepared, host, self._settings.threads
            )
            if before := results.records.get(record.key):  # further launches for another backend keep the verdict
                record = replace(record, verdict=before.verdict, against=before.against)
            results.records[record.key] = record
            results.spent.worker_peak_bytes = max(results.spent.worker_peak_bytes, series.peak_rss_bytes)

    def _evidence(self, case: Case, backend: str) -> Evidence:
        measured = self._measured[case.id]
        assert isinstance(measured, _Measured)
        there = measured.there
        return Evidence(
            key=(case.id, backend),
            record=lambda: self.results.records.get((case.id, backend)),
            measurement=measured.measurer.result,
            here=measured.here.prepared,
            there=there.prepared if isinstance(there, PreparedSide) else there,
            look_again=lambda more: self._look_again(case, measured, more),
        )

    def _progress_of(self, case: Case) -> CaseProgress | None:
        if self._show is None:
            return None
        number = len(self._measured) + 1
        title = f"[{number}/{max(len(self._work.backends), number)}] {case.id}"
        return CaseProgress(self._show, title)

    def _say(self, text: str) -> None:
        if self._show is not None:
            self._show(text)


def _other_side(other: OtherRevision) -> OtherSide:
    return OtherSide(other.title, other.revision.name, other.revision.commit, other.version_changes)
