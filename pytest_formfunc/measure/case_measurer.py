"""Measure every participant of one case together: launches of fresh workers, whose rounds are interleaved."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import ExitStack, suppress
from pathlib import Path

from pytest_formfunc.backends import NATIVE
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.measure.agreement import Agreement
from pytest_formfunc.measure.effort import Effort, MoreLaunches, Plan
from pytest_formfunc.measure.history import MOST_LOOKS, slower_after_calls
from pytest_formfunc.measure.lineup import Lineup
from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.protocol import TELL, Ready, Round
from pytest_formfunc.measure.quiet import Cause
from pytest_formfunc.measure.rounds import Conditions, LaunchRounds, WorkerLike
from pytest_formfunc.measure.schedule import (
    HAND_OVER,
    ROUNDS_PER_LAUNCH,
    VERDICT_ROUNDS,
    WANTED_LAUNCHES,
    later_rounds,
    plan_rounds,
    round_seconds,
    steady_rounds,
    turn_order,
    why_stop,
)
from pytest_formfunc.measure.series import Measurement, Series
from pytest_formfunc.measure.time_limit import TimeLimit
from pytest_formfunc.records.parts import Parity
from pytest_formfunc.stats import quantile
from pytest_formfunc.stats.allocation import Scatter, scatter_of
from pytest_formfunc.stats.growth import may_grow
from pytest_formfunc.stats.pairs import paired_log_ratios

MOST_PATIENCE_S = 2.0  # time to wait for quiet rounds in one launch: another moment is as likely to be quiet
IN_VAIN = 2  # disturbed launches in turn, after which none of a case that is judged side by side waits any more
FIRST_LAUNCHES = 3  # their number of rounds does not depend on how much they scatter
WITHOUT_NATIVE = "there is no speedup without native: "

Launch = Callable[[Participant, str, int], WorkerLike]
Progress = Callable[[Measurement, int, int, int], None]


class CaseMeasurer:
    """Measures one case launch by launch, and can make further launches later.

    Attributes:
        result: what has been measured so far.
    """

    def __init__(
        self,
        lineup: Lineup,
        launch: Launch,
        scratch: Path,
        conditions: Conditions | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Take who takes part, and the means.

        Args:
            lineup: the participants of the case. Those of the first launch alone take part in others if they are asked
                for, or if one that keeps its memory has failed.
            launch: forks the worker of a participant, given the start of its output files' paths and the launch's
                number.
            scratch: folder for outputs.
            conditions: what the measurement depends on beside the participants.
            progress: called before each round with the measurement so far, the numbers of the launch and of the round,
                and the number of rounds.
        """
        self.result = Measurement(kept=dict(lineup.kept), failures=dict(lineup.refused))
        self._participants = list(lineup.participants)
        self._lineup = lineup
        self._agreement = Agreement(lineup.compared | lineup.first_only, self._note_parity, self._fail)
        self._launch_worker = launch
        self._scratch = scratch
        self._conditions = conditions or Conditions()
        self._progress = progress
        self._launches = 0
        self._rounds = 0
        self._widths: list[float] = []
        self._looks_at_growth: Counter[Participant] = Counter()
        self._patient = True  # whether waiting for a quiet moment makes sense
        self._told_s = 0.0  # what engines took in this launch to tell of their device
        self._in_vain = 0  # disturbed launches in turn, up to the last one

    @property
    def launches(self) -> int:
        """Return the number of launches that were made."""
        return self._launches

    def advance(self, effort: Effort) -> bool:
        """Make one launch, and return whether another is wanted; failures are kept in the result, not raised.

        The reason why none is wanted is ``result.stopped``.
        """
        if not self._participants:
            return False
        clock, result = self._conditions.clock, self.result
        began, self._told_s = clock(), 0.0
        left_s = effort.budget_s - result.spent_s

        def plan(round_s: float, load_s: float) -> int:
            if self._rounds and self._launches > FIRST_LAUNCHES and (scatter := self._scatter()) is not None:
                return later_rounds(scatter, round_s, load_s, effort.budget_s)
            most = VERDICT_ROUNDS if effort.for_verdict else ROUNDS_PER_LAUNCH
            self._rounds = self._rounds or plan_rounds(round_s, load_s, effort.budget_s, most)
            return self._rounds

        share_s = left_s / max(1, WANTED_LAUNCHES - self._launches)
        most_s = 0.0 if self._waits_in_vain(effort) else MOST_PATIENCE_S
        self._one_launch(None if effort.once else plan, lambda planned_s: min(share_s - planned_s, most_s))
        launch_s = clock() - began - self._told_s
        result.spent_s += launch_s
        self._widths.append(self._widest())
        quiet = result.settled(number for number in result.servers if number not in result.disturbed)
        left_s = effort.budget_s - result.spent_s
        if effort.once:
            reason: str | None = "once"
        elif len(quiet) >= effort.enough or (self._launches >= effort.enough and self._waits_in_vain(effort)):
            reason = "verdict"
        else:
            servers = result.servers_of(quiet)
            reason = why_stop(
                servers, self._launches, self._conditions.servers, self._widths, effort.precision, left_s, launch_s
            )
        result.stopped = reason or result.stopped  # on time that others left over it stays what the budget ended
        return bool(self._participants) and not reason

    def _waits_in_vain(self, effort: Effort) -> bool:
        """Return whether no more quiet launches are worth waiting for, because a verdict has a use for disturbed ones.

        Both sides meet the same other work in them; what they cannot show is either side's speedup.
        """
        return effort.for_verdict and self._in_vain >= IN_VAIN

    def needed_s(self, precision: float) -> float:
        """Return about how many more seconds it takes until each speedup is so precise; infinite if none is known.

        Half-widths shrink with the square root of the time.
        """
        if not self._widths or math.isinf(self._widths[-1]):
            return math.inf
        spent_s = self.result.spent_s
        return max(spent_s / self._launches, spent_s * ((self._widths[-1] / precision) ** 2 - 1))

    def measure(self, effort: Effort) -> Measurement:
        """Make launches until the effort is spent."""
        while self.advance(effort):
            pass
        return self.result

    def measure_more(self, more: MoreLaunches) -> Measurement:
        """Make further launches, as many as were asked for and the time allows."""
        clock, began = self._conditions.clock, self._conditions.clock()
        limit = TimeLimit(more, self._conditions, self.result.spent_s / max(self._launches, 1))

        def plan(round_s: float, load_s: float) -> int:
            if more.scatter is None:
                return self._rounds
            return steady_rounds(more.scatter, round_s, load_s, more.seconds, more.launches)

        for _ in range(more.launches):
            if not self._participants or not limit.begin():
                break
            self._one_launch(plan, limit.patience_s, more.only)
        self.result.spent_s += clock() - began
        return self.result

    def _widest(self) -> float:
        """Return the widest half-width of the speedups that are ranked; infinite where none can be claimed."""
        if self.result.contended:
            return float("inf")
        return max((self.result.ranked_speedup(one).half_width for one in self._accelerated()), default=0.0)

    def _scatter(self) -> Scatter | None:
        """Return the scatter of the speedup that is known least; None where none can be claimed."""
        accelerated, result = self._accelerated(), self.result
        if not accelerated or result.contended:
            return None
        widest = max(accelerated, key=lambda one: result.ranked_speedup(one).half_width)
        pair = result.ranked_pair(widest)
        return scatter_of(paired_log_ratios(*result.together(*pair, among=result.undisturbed(*pair))))

    def _accelerated(self) -> list[Participant]:
        """Return the participants that have a speedup; none without this side's native, for it is not needed then."""
        series = self.result.series
        if Participant(NATIVE) not in series:
            return []
        found = [one for one in series if not one.is_native and not one.keeps and one.native in series]
        left_out = self._lineup.compared | self._lineup.first_only
        return [one for one in found if self.result.ranked_pair(one)[0] not in left_out]

    def _is_wanted(self, participant: Participant) -> bool:
        """Return whether a launch after the first needs a participant, where it is not asked for.

        Where one that keeps its memory has failed, on either side, processes by default are what a verdict rests on.
        """
        if participant in self._lineup.compared:
            return False
        if any(self.result.kept.get(one, one) not in self._participants for one in self._participants):
            return True
        return participant not in self._lineup.first_only

    def _one_launch(
        self, plan: Plan | None, patience: Callable[[float], float], only: Collection[Participant] = ()
    ) -> None:
        """Fork a worker for each participant, let them take turns, and keep the rounds of those that did not fail.

        Args:
            plan: gives the number of rounds; None for one round of one call.
            patience: gives the seconds to wait for quiet rounds beyond those that the launch takes anyway.
            only: who takes part; all if empty.
        """
        conditions = self._conditions
        began = conditions.clock()
        number = self._launches
        self._launches += 1
        with ExitStack() as stack:
            wanted = only or {one for one in self._participants if not number or self._is_wanted(one)}
            taking_part = [participant for participant in self._participants if participant in wanted]
            workers: dict[Participant, WorkerLike] = {}
            ready: dict[Participant, Ready] = {}
            started = [taking_part[index] for index in turn_order(len(taking_part), number, 0)]
            # One after the other: side by side their threads would spin on each other's cores, which takes longer and
            # disturbs what compiling and first calls take.
            for participant in started:
                self._load(participant, number, stack, workers, ready)
            self._agreement.check(ready, self._participants)
            timed = [participant for participant in taking_part if participant not in self._lineup.compared]
            alive = [participant for participant in timed if participant in ready and participant in self._participants]
            if not alive:
                return
            load_s = conditions.clock() - began
            self.result.load_s += load_s
            calls_s = {participant: self._call_s(participant, ready[participant]) for participant in alive}
            kept = self.result.kept
            brief = [one for one in alive if kept.get(one, one) != one and kept[one] in alive]
            rounds = LaunchRounds(alive, brief, workers, calls_s, conditions, number, self._fail, self._show_progress)
            if plan is None:
                rounds.make_one_call()
            else:
                ranked = [one for one in alive if one not in brief]
                round_s = round_seconds([rounds.turns[one] for one in ranked], [calls_s[one] for one in ranked])
                round_s += sum(ready[one].ramp_s for one in ranked)
                planned = plan(round_s, load_s)
                rounds_s = planned * round_s * HAND_OVER
                wait_s = max(0.0, patience(load_s + rounds_s)) if self._patient else 0.0
                rounds.make(planned, conditions.clock() + (rounds_s + wait_s if wait_s else 0.0))
            self.result.servers[number] = number % conditions.servers
            self.result.discarded += rounds.discarded
            self._patient = self._patient and not rounds.own_waiting
            self.result.paces[number] = rounds.pace, rounds.mean_pace
            if rounds.cause is not None:
                self.result.disturbed[number] = rounds.cause
            self.judge_paces()
            self._in_vain = self._in_vain + 1 if number in self.result.disturbed else 0
            for participant in alive:
                if participant in self._participants:
                    counted = rounds.of(participant)
                    if participant.is_native and not participant.keeps:
                        self._refuse_growth(participant, number, ready[participant], counted, workers[participant])
                if participant in self._participants:
                    self._keep(participant, number, ready[participant], counted, workers[participant])

    def _refuse_growth(
        self, participant: Participant, number: int, ready: Ready, rounds: list[Round], worker: WorkerLike
    ) -> None:
        """Fail native if its latency grows with its calls: it has none of its own, and so there is no speedup.

        A launch that ends slower than it began may have had a slow moment, so a new worker makes many calls beside it.
        """
        calls = [seconds for turn in rounds for seconds in turn.calls_s]
        if self._looks_at_growth[participant] >= MOST_LOOKS or not may_grow(calls, ready.early_call_s):
            return
        self._looks_at_growth[participant] += 1
        with ExitStack() as stack:
            fresh: dict[Participant, WorkerLike] = {}
            self._load(participant, number, stack, fresh, {})
            if participant not in self._participants:
                return
            try:
                found = slower_after_calls(worker, fresh[participant], ready.early_call_s)
            except MeasurementError as error:
                self._fail(participant, error)
                return
        if found is not None:
            self._fail(
                participant,
                MeasurementError(
                    f"native gets slower from call to call: {found.calls} calls made a process {found.factor:.1f} "
                    "times as slow as it was before them, beside another one that made none; it keeps something of "
                    "every call, so its latency depends on how often it was called"
                ),
            )

    def judge_paces(self) -> None:
        """Judge all launches' paces by what is known now: the machine may show its best after all of them."""
        pace, paces = self._conditions.pace, self.result.paces
        self.result.unsettled = {number for number, (slowest, _) in paces.items() if not pace.is_near(slowest)}
        self.result.excess = {number: pace.excess(mean) for number, (_, mean) in paces.items() if mean > 0}
        for number, (slowest, _) in paces.items():
            if pace.is_slow(slowest):
                self.result.disturbed.setdefault(number, Cause.SLOW)

    def _show_progress(self, round_index: int, planned: int) -> None:
        if self._progress:
            self._progress(self.result, self._launches, round_index, planned)

    def _load(
        self,
        participant: Participant,
        number: int,
        stack: ExitStack,
        workers: dict[Participant, WorkerLike],
        ready: dict[Participant, Ready],
    ) -> None:
        """Start a worker and wait until it has loaded, unless its participant failed meanwhile."""
        if participant not in self._participants:
            return
        try:
            worker = workers[participant] = self._launch_worker(
                participant, str(self._scratch / participant.file_stem), number
            )
            stack.callback(worker.stop)
            ready[participant] = worker.receive()
            if participant in self._lineup.compared:
                self.result.series[participant] = Series(participant, ready=ready[participant])
                worker.stop()
        except MeasurementError as error:
            self._fail(participant, error)

    def _call_s(self, participant: Participant, ready: Ready) -> float:
        """Return the seconds of a call to plan with: from earlier launches if there are any, else from the warm-up."""
        earlier = self.result.series.get(participant)
        if earlier is None or not earlier.launches:
            return ready.settled_call_s
        return quantile([seconds for launch in earlier.per_round(0.5) for seconds in launch], 0.5)

    def _keep(
        self, participant: Participant, number: int, ready: Ready, rounds: list[Round], worker: WorkerLike
    ) -> None:
        # Once, and not where nothing is timed; it is no part of what a launch takes.
        tell = bool(ready.card and self._rounds) and number == 0 and participant.here
        try:
            peak = worker.ask(TELL if tell else None)
        except MeasurementError as error:
            self._fail(participant, error)
            return
        series = self.result.series.setdefault(participant, Series(participant))
        series.ready = series.ready or ready
        series.launches.append(rounds)
        series.numbers.append(number)
        series.compile_s.append(ready.compile_s)
        series.first_call_s.append(ready.first_call_s)
        series.early_call_s.append(ready.early_call_s)
        series.peak_rss_bytes = max(series.peak_rss_bytes, peak)
        if tell:
            began = self._conditions.clock()
            with suppress(MeasurementError):  # of what is no latency nothing depends
                series.on_device = worker.receive()
            self._told_s += self._conditions.clock() - began

    def _note_parity(self, participant: Participant, parity: Parity) -> None:
        """Keep the worst agreement of all launches."""
        series = self.result.series.setdefault(participant, Series(participant, parity=parity))
        if series.parity is None or parity.sqnr_db < series.parity.sqnr_db:
            series.parity = parity

    def _fail(self, participant: Participant, error: MeasurementError) -> None:
        """Remove a participant that failed, and those that mean nothing without it.

        These are its whole side if it is native, and else the same backend with memory kept. One that is out may fail
        once more: its worker took turns until the launch ended.
        """
        if participant not in self._participants:
            return
        self.result.failures.setdefault(participant, str(error))
        out = [participant]
        if participant == participant.native:
            out = [other for other in self._participants if other.native == participant]
        elif participant.kept in self._participants and not participant.keeps:
            out.append(participant.kept)
        for other in out:
            if other != participant and not other.keeps:
                self.result.failures.setdefault(other, f"{WITHOUT_NATIVE}{error}")
            self._participants.remove(other)
            self.result.series.pop(other, None)
