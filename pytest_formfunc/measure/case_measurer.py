"""Measure every participant of one case together: launches of fresh workers, whose rounds are interleaved."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pytest_formfunc.backends import backend_entry
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.measure.participants import Participant
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
from pytest_formfunc.measure.series import Measurement, Series
from pytest_formfunc.parity import check_native, check_parity, read_outputs
from pytest_formfunc.stats import quantile
from pytest_formfunc.stats.allocation import Scatter

LOADED_ALONE = 2  # launches whose workers load one after the other


class WorkerLike(Protocol):
    """The part of a worker that measuring uses; tests use a fake worker."""

    def ask(self, message: object) -> Any:
        """Send a message and wait for its answer."""

    def receive(self, timeout_s: float | None = None) -> Any:
        """Wait for an answer."""

    def stop(self) -> None:
        """End the worker."""


Launch = Callable[[Participant, str, int], WorkerLike]
# Gives the number of rounds of a launch, from its participants' turns, the seconds of a call of each, and the seconds
# that loading took.
Plan = Callable[[Sequence[Turn], Sequence[float], float], int]
Progress = Callable[[Measurement, int, int, int], None]


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        precision: stop when every speedup's half-width is below this fraction.
        budget_s: stop when the case has taken this many seconds.
        once: make one launch with one call of each participant, only to check parity.
    """

    precision: float
    budget_s: float
    once: bool = False


@dataclass(frozen=True)
class MoreLaunches:
    """A request for further launches of a case.

    Attributes:
        launches: number of launches, whatever precision they reach.
        only: the participants that take part; all if empty.
        seconds: time limit; no further launch begins that would exceed it, but at least one is made.
        scatter: the scatter of the ratio in doubt, from which the most precise number of rounds is chosen; None for the
            same number as before.
    """

    launches: int
    only: tuple[Participant, ...] = ()
    seconds: float = math.inf
    scatter: Scatter | None = None


class CaseMeasurer:
    """Measures one case, and can make further launches later.

    Attributes:
        result: what has been measured so far.
    """

    def __init__(
        self,
        participants: Sequence[Participant],
        launch: Launch,
        scratch: Path,
        clock: Callable[[], float] = time.monotonic,
        progress: Progress | None = None,
        refused: Mapping[Participant, str] | None = None,
    ) -> None:
        """Take the participants in their order.

        Args:
            participants: the participants of the case.
            launch: forks the worker of a participant, given the start of its output files' paths and the launch's
                number.
            scratch: folder for outputs.
            clock: returns the time in seconds.
            progress: called before each round with the measurement so far, the numbers of the launch and of the round,
                and the number of rounds.
            refused: why participants that do not take part could not be prepared.
        """
        self.result = Measurement(failures=dict(refused or {}))
        self._participants = list(participants)
        self._launch_worker = launch
        self._scratch = scratch
        self._clock = clock
        self._progress = progress
        self._launches = 0
        self._rounds = 0

    def measure(self, effort: Effort) -> Measurement:
        """Make launches until the effort is spent; failures are kept in the result, not raised."""
        began = self._clock()

        def plan(turns: Sequence[Turn], calls_s: Sequence[float], load_s: float) -> int:
            self._rounds = self._rounds or plan_rounds(turns, calls_s, load_s, effort.budget_s)
            return self._rounds

        while self._participants:
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
        """Make further launches, as many as were asked for and the time allows."""
        began = self._clock()

        def plan(turns: Sequence[Turn], calls_s: Sequence[float], load_s: float) -> int:
            if more.scatter is None:
                return self._rounds
            return steady_rounds(more.scatter, round_seconds(turns, calls_s), load_s, more.seconds, more.launches)

        for _ in range(more.launches):
            if not self._participants:
                break
            launch_began = self._clock()
            self._one_launch(plan, more.only)
            now = self._clock()
            if now - began + now - launch_began > more.seconds:
                break
        self.result.spent_s += self._clock() - began
        return self.result

    def _widest(self) -> float:
        accelerated = [one for one in self.result.series if not one.is_native]
        if not accelerated or not any(one.here and one.is_native for one in self.result.series):
            return 0.0 if self._launches >= MIN_LAUNCHES else float("inf")
        return max(self.result.speedup(one).half_width for one in accelerated)

    def _one_launch(self, plan: Plan, only: Collection[Participant] = (), *, once: bool = False) -> None:
        """Fork a worker for each participant, let them take turns, and keep the rounds of those that did not fail."""
        began = self._clock()
        number = self._launches
        self._launches += 1
        with ExitStack() as stack:
            taking_part = [participant for participant in self._participants if not only or participant in only]
            workers: dict[Participant, WorkerLike] = {}
            ready: dict[Participant, Ready] = {}
            started = [taking_part[index] for index in turn_order(len(taking_part), number, 0)]
            # The workers of the first launches load one after the other, so that compile time and first call are not
            # disturbed. Once enough of these are known, workers load at the same time.
            groups = [[participant] for participant in started] if number < LOADED_ALONE else [started]
            for group in groups:
                self._load(group, number, stack, workers, ready)
            self._check_parity(ready)
            alive = [
                participant for participant in taking_part if participant in ready and participant in self._participants
            ]
            if not alive:
                return
            load_s = self._clock() - began
            self.result.load_s += load_s
            rounds = self._take_turns(None if once else plan, alive, workers, ready, load_s)
            for participant in alive:
                if participant in self._participants:
                    self._keep(participant, number, ready[participant], rounds[participant], workers[participant])

    def _load(
        self,
        group: list[Participant],
        number: int,
        stack: ExitStack,
        workers: dict[Participant, WorkerLike],
        ready: dict[Participant, Ready],
    ) -> None:
        """Start the workers of a group, then wait until each has loaded."""
        for participant in group:
            if participant in self._participants:
                try:
                    workers[participant] = self._launch_worker(
                        participant, str(self._scratch / participant.file_stem), number
                    )
                    stack.callback(workers[participant].stop)
                except MeasurementError as error:
                    self._fail(participant, error)
        for participant in group:
            if participant in workers and participant in self._participants:
                try:
                    ready[participant] = workers[participant].receive()
                except MeasurementError as error:
                    self._fail(participant, error)

    def _take_turns(
        self,
        plan: Plan | None,
        alive: list[Participant],
        workers: dict[Participant, WorkerLike],
        ready: dict[Participant, Ready],
        load_s: float,
    ) -> dict[Participant, list[Round]]:
        """Measure as many rounds as planned; without a plan, one round of one call for each participant."""
        rounds: dict[Participant, list[Round]] = {participant: [] for participant in alive}
        calls_s = {participant: self._call_s(participant, ready[participant]) for participant in alive}
        turns = {participant: plan_turn(seconds) for participant, seconds in calls_s.items()}
        planned = plan(list(turns.values()), list(calls_s.values()), load_s) if plan else 1
        for round_index in range(planned):
            if self._progress:
                self._progress(self.result, self._launches, round_index, planned)
            for index in turn_order(len(alive), self._launches - 1, round_index):
                participant = alive[index]
                if participant not in self._participants:
                    continue
                request = turn_of_round(turns[participant], round_index) if plan else Turn(0, 1)
                try:
                    rounds[participant].append(workers[participant].ask(request))
                except MeasurementError as error:
                    self._fail(participant, error)
        return rounds

    def _call_s(self, participant: Participant, ready: Ready) -> float:
        """Return the seconds of a call to plan with: from earlier launches if there are any, else from the warm-up.

        Workers that load at the same time also warm up at the same time. This makes calls seem several times as long,
        so a plan by the warm-up would give turns of too few calls.
        """
        earlier = self.result.series.get(participant)
        if earlier is None or not earlier.launches:
            return ready.settled_call_s
        return quantile([seconds for launch in earlier.per_round(0.5) for seconds in launch], 0.5)

    def _keep(
        self, participant: Participant, number: int, ready: Ready, rounds: list[Round], worker: WorkerLike
    ) -> None:
        try:
            peak = worker.ask(None)
        except MeasurementError as error:
            self._fail(participant, error)
            return
        series = self.result.series.setdefault(participant, Series(participant))
        series.ready = series.ready or ready
        series.launches.append(rounds)
        series.numbers.append(number)
        if number < LOADED_ALONE or not series.compile_s:
            series.compile_s.append(ready.compile_s)
            series.first_call_s.append(ready.first_call_s)
        series.peak_rss_bytes = max(series.peak_rss_bytes, peak)

    def _check_parity(self, ready: dict[Participant, Ready]) -> None:
        """Compare the outputs of each participant with those of native on the same side."""
        for reference in [participant for participant in ready if participant.is_native]:
            try:
                native = read_outputs(ready[reference].outputs)
                check_native(native, str(reference))
            except MeasurementError as error:
                self._fail(reference, error)
                continue
            for participant in list(self._participants):
                if participant != reference and participant in ready and participant.native == reference:
                    self._check_outputs(participant, ready[participant], native)

    def _check_outputs(self, participant: Participant, ready: Ready, native: Any) -> None:
        try:
            entry, outputs = backend_entry(participant.backend), read_outputs(ready.outputs)
            parity = check_parity(native, outputs, entry.precision, entry.tolerance_db, str(participant))
        except MeasurementError as error:
            self._fail(participant, error)
            return
        series = self.result.series.setdefault(participant, Series(participant, parity=parity))
        if series.parity is None or parity.sqnr_db < series.parity.sqnr_db:
            series.parity = parity  # keep the worst of all launches

    def _fail(self, participant: Participant, error: MeasurementError) -> None:
        """Remove a participant that failed; if it is native, remove its whole side, which has no speedup without it."""
        self.result.failures.setdefault(participant, str(error))
        out = [participant]
        if participant.is_native:
            out = [other for other in self._participants if other.native == participant]
        for other in out:
            if other != participant:
                self.result.failures.setdefault(other, f"there is no speedup without native: {error}")
            self._participants.remove(other)
            self.result.series.pop(other, None)
