"""Measure every backend of one case together: launches of fresh workers, rounds in turn.

Side by side with another revision, that revision's workers take part under the names that `base_of` gives.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pytest_formfunc.backends import NATIVE, backend_entry
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.measure.participants import engine_name, reference_of
from pytest_formfunc.measure.protocol import Ready, Round
from pytest_formfunc.measure.schedule import (
    MIN_LAUNCHES,
    Turn,
    plan_rounds,
    plan_turn,
    round_seconds,
    steady_rounds,
    turn_of_round,
    turn_order,
    why_stop,
)
from pytest_formfunc.parity import check_native, check_parity, read_outputs
from pytest_formfunc.records import Parity
from pytest_formfunc.stats import Estimate, quantile, speedup_estimate
from pytest_formfunc.stats.allocation import Scatter

LOADED_ALONE = 2  # launches


class WorkerLike(Protocol):
    """What the schedule needs of a worker; tests of it bring a fake one."""

    def ask(self, message: object) -> Any:
        """Send and wait."""

    def receive(self, timeout_s: float | None = None) -> Any:
        """Wait."""

    def stop(self) -> None:
        """End it."""


@dataclass
class Series:
    """All that one participant of one case gave, launch by launch; ``numbers`` says which launches those were."""

    backend: str
    launches: list[list[Round]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    compile_s: list[float] = field(default_factory=list)
    first_call_s: list[float] = field(default_factory=list)
    peak_rss_bytes: int = 0
    ready: Ready | None = None
    parity: Parity | None = None

    def per_round(self, q: float, among: Collection[int] | None = None) -> list[list[float]]:
        """Return the ``q`` quantile of each round's calls, by launch, in seconds; of some launches only where told."""
        return [
            [quantile(turn.calls_s, q) for turn in launch]
            for number, launch in zip(self.numbers, self.launches, strict=True)
            if among is None or number in among
        ]


@dataclass
class Measurement:
    """A case after its launches.

    Attributes:
        series: one for each backend that was measured without fault.
        failures: one sentence for each that was not.
        stopped: why no more launches were made: ``precise``, ``budget``, ``launches`` or ``once``.
        spent_s: seconds that measuring took, preparing aside.
        load_s: the part of it that went into starting and loading workers.
    """

    series: dict[str, Series] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    stopped: str = ""
    spent_s: float = 0.0
    load_s: float = 0.0

    def speedup(self, backend: str, level: float = 0.95) -> Estimate:
        """Estimate a participant's speedup over its own native from the launches that both took part in."""
        native, accelerated = self.together(reference_of(backend), backend)
        return speedup_estimate(native, accelerated, level=level)

    def together(self, *participants: str) -> list[list[list[float]]]:
        """Return the round medians of some participants from the launches that all of them took part in."""
        shared = self.shared(*participants)
        return [self.series[name].per_round(0.5, shared) for name in participants]

    def shared(self, *participants: str) -> set[int]:
        """Return the numbers of the launches that all of some participants took part in."""
        return set.intersection(*(set(self.series[name].numbers) for name in participants))


Launch = Callable[[str, str, int], WorkerLike]
# Rounds of a launch, from its participants' turns, the seconds of a call of each, and what loading took.
Plan = Callable[[Sequence[Turn], Sequence[float], float], int]
Progress = Callable[[Measurement, int, int, int], None]


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        precision: stop when every speedup's half-width is below this fraction.
        budget_s: stop when a case has taken this long.
        once: one launch, one call each; parity only.
    """

    precision: float
    budget_s: float
    once: bool = False


@dataclass(frozen=True)
class MoreLaunches:
    """A further look.

    Attributes:
        launches: how many, the precision reached or not.
        only: who takes part; all where empty.
        seconds: fewer launches, one at least, where another would take longer than this.
        scatter: of the ratio in doubt, so that a launch has the rounds that make it surest; as many as before where
            None.
    """

    launches: int
    only: tuple[str, ...] = ()
    seconds: float = math.inf
    scatter: Scatter | None = None


class CaseMeasurer:
    """Measures one case; can be asked for more launches later."""

    def __init__(
        self,
        backends: Sequence[str],
        launch: Launch,
        scratch: Path,
        clock: Callable[[], float] = time.monotonic,
        progress: Progress | None = None,
    ) -> None:
        """Take the participants in their order; ``launch(name, outputs_to, number)`` forks a worker that loads one."""
        self.result = Measurement()
        self._backends = list(backends)
        self._launch_worker = launch
        self._scratch = scratch
        self._clock = clock
        self._progress = progress
        self._launches = 0
        self._rounds = 0

    def measure(self, effort: Effort) -> Measurement:
        """Make launches until the effort is spent; failures are kept, not raised."""
        began = self._clock()

        def plan(turns: Sequence[Turn], calls_s: Sequence[float], load_s: float) -> int:
            self._rounds = self._rounds or plan_rounds(turns, calls_s, load_s, effort.budget_s)
            return self._rounds

        while self._backends:
            launch_began = self._clock()
            self._one_launch(plan, once=effort.once)
            now = self._clock()
            reason = "once" if effort.once else why_stop(
                self._launches,
                self._widest(),
                effort.precision,
                now - began,
                now - launch_began,
                effort.budget_s,
            )  # fmt: skip
            if reason:
                self.result.stopped = reason
                break
        self.result.spent_s += self._clock() - began
        return self.result

    def measure_more(self, more: MoreLaunches) -> Measurement:
        """Make so many more launches, as long as there is time for them."""
        began = self._clock()

        def plan(turns: Sequence[Turn], calls_s: Sequence[float], load_s: float) -> int:
            if more.scatter is None:
                return self._rounds
            return steady_rounds(more.scatter, round_seconds(turns, calls_s), load_s, more.seconds, more.launches)

        for _ in range(more.launches):
            if not self._backends:
                break
            launch_began = self._clock()
            self._one_launch(plan, more.only)
            now = self._clock()
            if now - began + now - launch_began > more.seconds:
                break
        self.result.spent_s += self._clock() - began
        return self.result

    def _widest(self) -> float:
        accelerated = [name for name in self.result.series if engine_name(name) != NATIVE]
        if NATIVE not in self.result.series or not accelerated:
            return 0.0 if self._launches >= MIN_LAUNCHES else float("inf")
        return max(self.result.speedup(name).half_width for name in accelerated)

    def _one_launch(self, plan: Plan, only: Collection[str] = (), *, once: bool = False) -> None:
        """Fork one worker a backend, let them take turns, and keep the rounds of those that lasted."""
        began = self._clock()
        number = self._launches
        self._launches += 1
        with ExitStack() as stack:
            names = [name for name in self._backends if not only or name in only]
            workers: dict[str, WorkerLike] = {}
            ready: dict[str, Ready] = {}
            started = [names[index] for index in turn_order(len(names), number, 0)]
            # The first launches load one worker after the other, for the sake of compile time and first call; with
            # enough of those known, the others load side by side.
            groups = [[name] for name in started] if number < LOADED_ALONE else [started]
            for group in groups:
                self._load(group, number, stack, workers, ready)
            self._check_parity(ready)
            alive = [name for name in names if name in ready and name in self._backends]
            if not alive:
                return
            load_s = self._clock() - began
            self.result.load_s += load_s
            rounds = self._take_turns(None if once else plan, alive, workers, ready, load_s)
            for name in alive:
                if name in self._backends:
                    self._keep(name, number, ready[name], rounds[name], workers[name])

    def _load(
        self, group: list[str], number: int, stack: ExitStack, workers: dict[str, WorkerLike], ready: dict[str, Ready]
    ) -> None:
        """Start the workers of a group, then wait until each has loaded."""
        for name in group:
            if name in self._backends:
                try:
                    workers[name] = self._launch_worker(name, str(self._scratch / name), number)
                    stack.callback(workers[name].stop)
                except MeasurementError as error:
                    self._fail(name, error)
        for name in group:
            if name in workers and name in self._backends:
                try:
                    ready[name] = workers[name].receive()
                except MeasurementError as error:
                    self._fail(name, error)

    def _take_turns(
        self,
        plan: Plan | None,
        alive: list[str],
        workers: dict[str, WorkerLike],
        ready: dict[str, Ready],
        load_s: float,
    ) -> dict[str, list[Round]]:
        """Ask for rounds as planned; for a single call of each without a plan."""
        rounds: dict[str, list[Round]] = {name: [] for name in alive}
        calls_s = {name: self._call_s(name, ready[name]) for name in alive}
        turns = {name: plan_turn(seconds) for name, seconds in calls_s.items()}
        planned = plan(list(turns.values()), list(calls_s.values()), load_s) if plan else 1
        for round_index in range(planned):
            if self._progress:
                self._progress(self.result, self._launches, round_index, planned)
            for index in turn_order(len(alive), self._launches - 1, round_index):
                name = alive[index]
                if name not in self._backends:
                    continue
                request = turn_of_round(turns[name], round_index) if plan else Turn(0, 1)
                try:
                    rounds[name].append(workers[name].ask(request))
                except MeasurementError as error:
                    self._fail(name, error)
        return rounds

    def _call_s(self, name: str, ready: Ready) -> float:
        """Return the seconds of a call to plan by: what earlier launches found, else what warming up did.

        Those that load side by side also warm up side by side, which makes calls look several times as long; their
        turns would be of few calls.
        """
        earlier = self.result.series.get(name)
        if earlier is None or not earlier.launches:
            return ready.settled_call_s
        return quantile([seconds for launch in earlier.per_round(0.5) for seconds in launch], 0.5)

    def _keep(self, name: str, number: int, ready: Ready, rounds: list[Round], worker: WorkerLike) -> None:
        try:
            peak = worker.ask(None)
        except MeasurementError as error:
            self._fail(name, error)
            return
        series = self.result.series.setdefault(name, Series(name))
        series.ready = series.ready or ready
        series.launches.append(rounds)
        series.numbers.append(number)
        if number < LOADED_ALONE or not series.compile_s:
            series.compile_s.append(ready.compile_s)
            series.first_call_s.append(ready.first_call_s)
        series.peak_rss_bytes = max(series.peak_rss_bytes, peak)

    def _check_parity(self, ready: dict[str, Ready]) -> None:
        """Check each revision's outputs against its own native's."""
        for reference in [name for name in ready if engine_name(name) == NATIVE]:
            try:
                native = read_outputs(ready[reference].outputs)
                check_native(native, reference)
            except MeasurementError as error:
                self._fail(reference, error)
                continue
            for name in list(self._backends):
                if name != reference and name in ready and reference_of(name) == reference:
                    self._check_outputs(name, ready[name], native)

    def _check_outputs(self, name: str, ready: Ready, native: Any) -> None:
        try:
            parity = check_parity(native, read_outputs(ready.outputs), backend_entry(engine_name(name)).precision, name)
        except MeasurementError as error:
            self._fail(name, error)
            return
        series = self.result.series.setdefault(name, Series(name, parity=parity))
        if series.parity is None or parity.sqnr_db < series.parity.sqnr_db:
            series.parity = parity  # the worst of all launches

    def _fail(self, name: str, error: MeasurementError) -> None:
        """Take a participant out; without native there is no speedup, so its failure takes its revision's out."""
        self.result.failures.setdefault(name, str(error))
        out = [name]
        if engine_name(name) == NATIVE:
            out = [other for other in self._backends if reference_of(other) == name]
        for other in out:
            if other != name:
                self.result.failures.setdefault(other, f"there is no speedup without native: {error}")
            self._backends.remove(other)
            self.result.series.pop(other, None)
