"""Build and time what may make a measured case faster, beside the case as it is; only what gained is advice."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_formfunc.allocator import why_not_kept
from pytest_formfunc.backends import WATERFALL, all_backends, backend_entry
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.forms.programs import ProgramSource
from pytest_formfunc.function.advice import ENGINE, THREADS, TRIALS, Tried, sum_up
from pytest_formfunc.function.lints import LINTS
from pytest_formfunc.measure.both_sides import BothSides
from pytest_formfunc.measure.case_measurer import CaseMeasurer
from pytest_formfunc.measure.change_job import UNCHANGED
from pytest_formfunc.measure.effort import Effort
from pytest_formfunc.measure.launch import PreparedSide, launcher
from pytest_formfunc.measure.lineup import line_up
from pytest_formfunc.measure.pace import Pace
from pytest_formfunc.measure.participants import Participant, Side
from pytest_formfunc.measure.preparation import Recipe
from pytest_formfunc.measure.probe import probe_backends
from pytest_formfunc.measure.quiet import Cause
from pytest_formfunc.measure.series import Measurement
from pytest_formfunc.measure.workers import WorkerServer
from pytest_formfunc.run.pacing import conditions_of
from pytest_formfunc.run.stages import Ready
from pytest_formfunc.settings import Settings
from pytest_formfunc.stats.servers import KEPT_SD

_CHANGE_LIMIT_S = 600.0  # to export a network and to change it
_OTHER_MEASURE = ("openvino-tput",)  # its requests run side by side, so that its time is no latency


@dataclass
class Advisor:
    """Tries what may make cases faster.

    Attributes:
        settings: of the run.
        workers: fork the workers.
        sides: prepare what else has to be measured.
        scratch: a folder for outputs and changed programs.
        pace: says whether the machine is slow.
        say: shows a short progress text.
    """

    settings: Settings
    workers: WorkerServer
    sides: BothSides
    scratch: Path
    pace: Pace
    say: Callable[[str], None]
    _tried: list[Tried] = field(default_factory=list)

    def advise(self, ready: Ready) -> dict[str, dict[str, Any]]:
        """Return, for each backend of a case, what gained and what did not (docs/why.md).

        Everything is measured in turn with the case as it is. What is claimed holds for all trials of the case
        together: each interval's level is the higher the more was tried.
        """
        self._tried, not_built = [], dict[str, str]()
        alive = [name for name in ready.backends if Participant(name) in ready.measured.measurer.result.series]
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            if lints := [name for name in LINTS.names() if name in self.settings.advise]:
                self._change(ready, alive, Path(folder), lints, not_built)
            if THREADS in self.settings.advise:
                self._use_fewer_threads(ready, alive)
            others = [name for name in self._other_engines() if name not in alive]
            unusable = {name: reason for name, reason in probe_backends(self.workers, others).items() if reason}
            not_built |= {f"{ENGINE} {name}": reason for name, reason in unusable.items()}
            if others := [name for name in others if name not in unusable]:
                self._use_other_engines(ready, alive, others, not_built)
        observations = ready.measured.observations
        return {
            backend: sum_up(backend, self._tried, not_built, observations.get(backend, {}).get("layers", {}))
            for backend in alive
        }

    def _change(
        self, ready: Ready, alive: Sequence[str], folder: Path, lints: Sequence[str], not_built: dict[str, str]
    ) -> None:
        """Try the network's program as each lint changes it."""
        self.say(f"changing {ready.case.id}")
        job = self.workers.job(
            "change", ready.measured.here.workspace, source=ready.case.source, folder=str(folder), lints=lints
        )
        try:
            with self.workers.worker(job, f"changing {ready.case.id}") as worker:
                answer: dict[str, Any] = worker.receive(_CHANGE_LIMIT_S)
        except MeasurementError as error:
            answer = {"unavailable": str(error)}
        if "unavailable" in answer:
            not_built |= dict.fromkeys(lints, answer["unavailable"])
            return
        not_built |= answer["dropped"]
        programs: Mapping[str, tuple[str, int]] = answer["programs"]
        if len(programs) == 1:
            return
        recipes = [
            Recipe(
                f"{ready.case.id}, {name}",
                ProgramSource(path, seed=ready.case.seed),
                alive,
                cache=str(folder / "artifacts"),
            )
            for name, (path, _) in programs.items()
        ]
        prepared = dict(zip(programs, self.sides.several(recipes), strict=True))
        base = prepared.pop(UNCHANGED)
        for name, side in prepared.items():
            if base is None or side is None:
                not_built[name] = "the changed network could not be prepared"
                continue
            entry, places = LINTS.entry(name), programs[name][1]
            measured = self._measure(f"{ready.case.id}, {name}", alive, {Side.HERE: base, Side.THERE: side}, ready)
            advice = entry.advice.format(count=places)
            for one in _both(measured, alive):
                self._note(name, advice, one, one.counterpart, measured, exact=entry.exact)

    def _use_fewer_threads(self, ready: Ready, alive: Sequence[str]) -> None:
        """Try one thread, for engines whose artifact is the same then."""
        threads, here = self.settings.threads, ready.measured.here
        able = [name for name in alive if _is_same_with_one_thread(here.prepared.engines[name], threads)]
        if threads == 1 or not able:
            return
        sides = {Side.HERE: here, Side.THERE: here}
        measured = self._measure(f"{ready.case.id}, one thread", able, sides, ready, {Side.THERE: 1})
        for one in _both(measured, able):
            self._note(THREADS, f"one thread in place of {threads}", one, one.counterpart, measured)

    def _other_engines(self) -> list[str]:
        """Return the engines that were asked for: by name, or all that are here and whose time is a latency."""
        if ENGINE not in self.settings.advise:
            return [name for name in self.settings.advise if name not in TRIALS]
        return [
            entry.name
            for entry in all_backends()
            if entry.why_not_installed() is None and not entry.gpu and entry.name not in (*WATERFALL, *_OTHER_MEASURE)
        ]

    def _use_other_engines(
        self, ready: Ready, alive: Sequence[str], others: Sequence[str], not_built: dict[str, str]
    ) -> None:
        """Try other engines and precisions, those that keep parity."""
        everything = [*alive, *others]
        case = ready.case
        (side,) = self.sides.several([Recipe(f"{case.id}, other engines", case.source, everything, case.calibration)])
        if side is None:
            not_built[ENGINE] = "the other engines could not be prepared"
            return
        measured = self._measure(f"{case.id}, other engines", everything, {Side.HERE: side}, ready)
        not_built |= {f"{ENGINE} {one.backend}": reason for one, reason in measured.failures.items() if not one.keeps}
        for one in (Participant(name) for name in alive):
            for other in (Participant(name) for name in others):
                if one in measured.series and other in measured.series:
                    advice = f"{other.backend} in place of {one.backend}"
                    self._note(ENGINE, advice, one, other, measured)

    def _note(
        self, lint: str, advice: str, one: Participant, other: Participant, measured: Measurement, *, exact: bool = True
    ) -> None:
        """Keep a trial; its gain is known once the number of trials is."""
        kept = measured.kept
        over, under = kept.get(one, one), kept.get(other, other)
        if over not in measured.series or under not in measured.series:
            over, under = one, other
        # Of a slow machine the interval knows (`Measurement.common_sd`); of other programs it does not.
        cause = None if measured.contended is Cause.SLOW else measured.contended
        self._tried.append(
            Tried(
                lint,
                one.backend,
                advice,
                exact,
                "" if cause is None else cause.value,
                lambda level: measured.ratio(over, under, KEPT_SD, level),
            )
        )

    def _measure(
        self,
        title: str,
        backends: Sequence[str],
        sides: Mapping[Side, PreparedSide],
        ready: Ready,
        threads: Mapping[Side, int] | None = None,
    ) -> Measurement:
        """Measure some backends on both sides in turn, as a case is measured."""
        self.say(title)
        lineup = line_up(backends, {side: one.prepared for side, one in sides.items()}, keep=why_not_kept() is None)
        measurer = CaseMeasurer(
            lineup,
            launcher(self.workers, sides, ready.case.seed, {}, threads),
            self.scratch,
            conditions_of(self.settings, self.workers, self.pace),
        )
        budget_s = self.settings.budget_s * max(2, lineup.tested) / 2
        self.pace.allow(budget_s)
        return measurer.measure(Effort(self.settings.precision, budget_s))


def _both(measured: Measurement, backends: Sequence[str]) -> Iterator[Participant]:
    """Yield the participants of this side that were measured on both."""
    for name in backends:
        one = Participant(name)
        if one in measured.series and one.counterpart in measured.series:
            yield one


def _is_same_with_one_thread(engine: str, threads: int) -> bool:
    made = backend_entry(engine).engine_class()
    return made.artifact_name(1) == made.artifact_name(threads)
