"""One run, start to end: check, prepare, measure, judge; the records that the reports are made of."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pytest_formfunc.backends import NATIVE, backend_entry
from pytest_formfunc.cases import Case
from pytest_formfunc.errors import BadInput, MeasurementError
from pytest_formfunc.forms.factories import FactorySource
from pytest_formfunc.forms.sources import Source, Weighable, uses_added_code
from pytest_formfunc.gate import graph_judge
from pytest_formfunc.gate.baseline import Baseline, Key
from pytest_formfunc.gate.saved import SavedJudge
from pytest_formfunc.gate.side_by_side import SideBySideJudge
from pytest_formfunc.host import describe_host, fingerprint, peak_rss_bytes
from pytest_formfunc.measure.artifacts import Prepared, find_prepared
from pytest_formfunc.measure.assemble import assemble_record
from pytest_formfunc.measure.case_measurer import CaseMeasurer, Effort, Measurement, MoreLaunches
from pytest_formfunc.measure.launch import Part, launcher
from pytest_formfunc.measure.memory import check_memory
from pytest_formfunc.measure.participants import HEAD, Side, base_of, is_base
from pytest_formfunc.measure.workers import JobFailed, Worker, WorkerServer
from pytest_formfunc.records import Record, Verdict
from pytest_formfunc.revisions.other_revision import Absent, Against, survey_key
from pytest_formfunc.settings import Settings
from pytest_formfunc.units import format_ratio


@dataclass
class Spent:
    """Where the run's time went, in seconds, and how many artifacts it made or found."""

    starting_s: float = 0.0
    preparing_s: float = 0.0
    measuring_s: float = 0.0
    loading_s: float = 0.0
    converted: int = 0
    reused: int = 0
    stops: dict[str, int] = field(default_factory=dict)
    second_looks: int = 0
    worker_peak_bytes: int = 0

    @property
    def parent_peak_bytes(self) -> int:
        """Return the peak resident memory of this process."""
        return peak_rss_bytes()


@dataclass
class _Measured:
    measurer: CaseMeasurer
    parts: dict[bool, Part]


Say = Callable[[str], None]
_WEIGHING_LIMIT_S = 30.0  # a model that is not made by then is made without knowing its size


class Run:
    """Everything that lives from the first measurement to the report."""

    def __init__(self, settings: Settings, say: Say) -> None:
        """Take the settings and a function that shows a short progress text (and clears it when empty)."""
        self.settings = settings
        self.baseline: Baseline | None = None
        self.against: Against | None = None
        self.comparisons = 0
        self.once = False
        self.records: dict[Key, Record] = {}
        self.failures: dict[Key, str] = {}
        self.spent = Spent()
        self._planned: dict[str, tuple[str, ...]] = {}
        self._known_cases: dict[str, Case] = {}
        self._prepared: dict[str, Prepared | MeasurementError] = {}
        self._other_parts: dict[str, Part | Absent] = {}
        self._side_by_side: SideBySideJudge | None = None
        self._saved: SavedJudge | None = None
        self._say = say
        preload = tuple(dict.fromkeys(name for model in settings.models for name in model.preload))
        self._server = WorkerServer(settings.timeout_s, settings.threads, preload)
        self._preparers: dict[Side, Worker] = {}
        self._measured: dict[str, _Measured | MeasurementError] = {}
        self._scratch: Path | None = None

    @property
    def scratch(self) -> Path:
        """Return a folder that lives as long as the run."""
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="formfunc-"))
        return self._scratch

    def plan(self, backends_by_case: dict[str, tuple[str, ...]], known: dict[str, Case]) -> None:
        """Say what will be measured, and which of it is known well enough to be prepared at once."""
        self._planned = backends_by_case
        self._known_cases = {name: case for name, case in known.items() if name in backends_by_case}

    def probe(self, backends: Sequence[str]) -> dict[str, str | None]:
        """Return, for each backend, why it cannot be used here, or None where it can."""
        answer = {name: backend_entry(name).why_not_installed() for name in backends}
        present = tuple(name for name, reason in answer.items() if reason is None)
        if present:
            began = time.monotonic()
            self._server.start()
            with self._server.worker(self._server.job("probe", backends=present), "backend probe") as worker:
                answer |= worker.receive()
            self.spent.starting_s += time.monotonic() - began
        return answer

    def survey(self, against: Against) -> None:
        """Find out what the other revision and its environment have; raises what `Against.check_environment` raises."""
        backends = {name for planned in self._planned.values() for name in planned if name != NATIVE}
        against.check_environment(self._server, sorted(backends | {self.settings.native}))
        sources = [case.source for case in self._known_cases.values()]
        targets = [survey_key(one) for one in sources if isinstance(one, FactorySource) or uses_added_code(one)]
        against.survey(self._server, targets)

    def check_backends(self, backends: Sequence[str]) -> None:
        """Make sure that every backend can be used here.

        Raises:
            BadInput: one cannot; the sentence says why and which extra installs it.
        """
        native = self.settings.native
        for name, reason in self.probe([native, *(name for name in backends if name not in (NATIVE, native))]).items():
            if reason is not None:
                raise BadInput(f"backend {name!r} cannot be used here: {reason}")

    def measure(self, case: Case, backends: Sequence[str]) -> None:
        """Measure a case's backends together, once; later calls find it done. Never raises for a bad model."""
        if case.id in self._measured:
            return
        ordered = [NATIVE, *(name for name in backends if name != NATIVE)]
        try:
            parts = {False: Part(case.source, self._prepared_artifacts(case, ordered))}
            refused = dict(parts[False].prepared.refused)
            participants = [name for name in ordered if name not in refused]
            other = self._other_parts.get(case.id)
            if isinstance(other, Part):
                parts[True] = other
                refused |= {base_of(name): reason for name, reason in other.prepared.refused.items()}
                participants += [base_of(name) for name in participants if base_of(name) not in refused]
            budget_s = self.settings.budget_s * max(2, len(participants)) / 2
            effort = Effort(self.settings.precision, budget_s, once=self.once or self.settings.gate == "graph")
            measurer = CaseMeasurer(
                participants,
                launcher(self._server, parts, case.seed, self.settings.slow_down),
                self.scratch,
                progress=lambda result, launch, turn, turns: self._tell(
                    case, f"launch {launch}, round {turn + 1} of {turns}{_so_far(result, ordered)}"
                ),
            )
            measurer.result.failures |= refused
            began = time.monotonic()
            measurer.measure(effort)
            self.spent.measuring_s += time.monotonic() - began
            self.spent.loading_s += measurer.result.load_s
            measured = self._measured[case.id] = _Measured(measurer, parts)
            self._collect(case, measured)
            stop = measurer.result.stopped
            self.spent.stops[stop] = self.spent.stops.get(stop, 0) + 1
        except MeasurementError as error:
            self._measured[case.id] = error
            for name in ordered:
                self.failures[case.id, name] = str(error)
        finally:
            self._say("")

    def judge(self, case: Case, backend: str, threshold: float) -> Verdict | None:
        """Compare a record with the other revision or the baseline; spend more launches while it is suspicious.

        Returns None where no comparison was asked for or nothing accelerated was measured.
        """
        key = (case.id, backend)
        if backend == NATIVE or key not in self.records:
            return None
        if self.settings.gate == "graph":
            verdict = self._judge_graph(case, backend, threshold)
        elif self.once:
            return None
        elif self.against is not None:
            if self._side_by_side is None:
                self._side_by_side = SideBySideJudge(self, self.against, self.comparisons, self.settings.escalation_s)
            verdict = self._side_by_side.judge(case, backend, threshold)
        elif self.baseline is not None:
            if self._saved is None:
                self._saved = SavedJudge(
                    self.baseline,
                    self.comparisons,
                    lambda case, backend: self.records.get((case.id, backend)),
                    lambda case, launches: self.look_again(case, MoreLaunches(launches)),
                )
            verdict = self._saved.judge(case, backend, threshold)
        else:
            return None
        if verdict is None or key not in self.records:
            return None
        against = self._side_by_side.counterpart(case, backend) if self._side_by_side else None
        self.records[key] = replace(self.records[key], verdict=verdict, against=against)
        return verdict

    def _judge_graph(self, case: Case, backend: str, threshold: float) -> Verdict | None:
        if self.against is not None:
            return graph_judge.judge_against(self, self.against, case, backend, threshold)
        if self.baseline is not None:
            return graph_judge.judge_saved(self.records[case.id, backend], self.baseline, threshold)
        return None

    def other_part(self, case: Case) -> Part | Absent | None:
        """Return the other revision's part in a case, or why there is none."""
        return self._other_parts.get(case.id)

    def measurement(self, case: Case) -> Measurement | None:
        """Return a case's measurement as it stands; None where it failed."""
        measured = self._measured.get(case.id)
        return measured.measurer.result if isinstance(measured, _Measured) else None

    def own_part(self, case: Case) -> Part:
        """Return this revision's part in a case that was measured."""
        measured = self._measured[case.id]
        assert isinstance(measured, _Measured)
        return measured.parts[False]

    def close(self) -> None:
        """End every process and remove what was scratch, the other revision's checkout too."""
        self._server.close()
        if self.against is not None:
            self.against.revision.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def look_again(self, case: Case, more: MoreLaunches) -> float:
        """Make more launches of a case; return the seconds they took."""
        measured = self._measured[case.id]
        if isinstance(measured, MeasurementError):
            return 0.0
        began, loaded_s = time.monotonic(), measured.measurer.result.load_s
        self.spent.second_looks += 1
        try:
            measured.measurer.measure_more(more)
        finally:
            self._say("")
        spent_s = time.monotonic() - began
        self.spent.measuring_s += spent_s
        self.spent.loading_s += measured.measurer.result.load_s - loaded_s
        self._collect(case, measured)
        return spent_s

    def _collect(self, case: Case, measured: _Measured) -> None:
        """Turn what was measured into records and failures."""
        result, prepared = measured.measurer.result, measured.parts[False].prepared
        for name, reason in result.failures.items():
            if is_base(name):
                continue  # its verdict says so
            self.failures[case.id, name] = reason
            self.records.pop((case.id, name), None)
        host = describe_host()
        for name, series in result.series.items():
            if is_base(name):
                continue
            record = assemble_record(case, name, result, prepared, host, fingerprint(host), self.settings.threads)
            if before := self.records.get((case.id, name)):  # another backend's second look does not unjudge it
                record = replace(record, verdict=before.verdict, against=before.against)
            self.records[case.id, name] = record
            self.spent.worker_peak_bytes = max(self.spent.worker_peak_bytes, series.peak_rss_bytes)

    def _prepared_artifacts(self, case: Case, backends: Sequence[str]) -> Prepared:
        """Return a case's artifacts. All cases known so far are prepared first, so that nothing else is alive later."""
        if case.id not in self._prepared:
            began = time.monotonic()
            waiting = {**self._known_cases, case.id: case}
            for name, one in waiting.items():
                if name not in self._prepared:
                    self._say(f"preparing {len(self._prepared) + 1} of {max(len(self._planned), 1)}: {name}")
                    wanted = self._planned.get(name, tuple(backends))
                    self._prepared[name] = self._prepare(one.id, one.source, wanted, HEAD, one.calibration)
                    if self.against is not None:
                        self._other_parts[name] = self._prepare_other(one, wanted, self.against)
            for preparer in self._preparers.values():
                preparer.stop()
            self._preparers.clear()
            self.spent.preparing_s += time.monotonic() - began
        prepared = self._prepared[case.id]
        if isinstance(prepared, MeasurementError):
            raise prepared
        return prepared

    def _prepare_other(self, case: Case, backends: Sequence[str], against: Against) -> Part | Absent:
        """Prepare the other revision's form of a case with that revision's code."""
        source = against.source_of(case)
        if isinstance(source, Absent):
            return source
        prepared = self._prepare(f"{case.id} of {against.title}", source, backends, against.side, case.calibration)
        if isinstance(prepared, MeasurementError):
            return Absent("not comparable", f"{prepared} (at {against.title})")
        return Part(source, prepared, against.side)

    def _prepare(
        self, title: str, source: Source, backends: Sequence[str], side: Side, calibration: str
    ) -> Prepared | MeasurementError:
        cache = str(self.settings.cache_dir)
        engines = {name: self.settings.native if name == NATIVE else name for name in backends}
        # Only this revision's code is at hand here to tell what the artifacts hang on.
        prepared = None
        try:
            if side == HEAD:
                prepared = find_prepared(source, engines, cache, self.settings.threads, calibration)
            if isinstance(source, Weighable):
                copies = len(engines) * (2 if self.against is not None else 1)  # all wait for their turns together
                check_memory(title, self._weigh(source, side, known=prepared is not None), copies)
        except MeasurementError as error:
            return error
        if prepared is None:
            request = {"source": source, "engines": engines, "cache": cache, "calibration": calibration}
            try:
                preparer = self._preparers.get(side)
                if preparer is None:
                    job = self._server.job("prepare", side, **request)
                    preparer = self._preparers[side] = self._server.worker(job, f"preparing {title}")
                else:
                    preparer.what = f"preparing {title}"
                    preparer.send(request)
                prepared = preparer.receive(self.settings.timeout_s * max(1, len(engines) - 1))  # each converts
            except MeasurementError as error:
                if not isinstance(error, JobFailed) and side in self._preparers:
                    self._preparers.pop(side).stop()  # it died or hangs; the next case gets a new one
                return error
        self.spent.converted += len(prepared.converted)
        self.spent.reused += len(set(prepared.artifacts.values())) - len(prepared.converted)
        return prepared

    def _weigh(self, source: Weighable, side: Side, *, known: bool) -> int | None:
        """Return the bytes of a model's weights, or None where nothing tells; a process of its own may look."""
        stored = source.stored_bytes()
        if stored is not None or known:
            return stored
        job = self._server.job("weigh", side, source=source)
        try:
            with self._server.worker(job, "weighing the model") as worker:
                weight: int | None = worker.receive(min(self.settings.timeout_s, _WEIGHING_LIMIT_S))
        except MeasurementError:
            return None  # what is wrong with the model is said when it is built
        return weight

    def _tell(self, case: Case, what: str) -> None:
        number = len(self._measured) + (case.id not in self._measured)
        total = max(len(self._planned), number)
        self._say(f"[{number}/{total}] {case.id}: {what}")


def _so_far(result: Any, backends: Sequence[str]) -> str:
    texts = []
    for name in backends[1:]:
        series = result.series.get(name)
        if series is not None and len(series.launches) >= 2:
            estimate = result.speedup(name)
            texts.append(f"{name} {format_ratio(estimate.value)} ±{estimate.half_width:.1%}")
    return f"; {', '.join(texts)}" if texts else ""
