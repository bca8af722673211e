"""The rounds of one launch: turns of all participants, and disturbed rounds measured again while there is time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import geometric_mean
from typing import Any, Protocol

from pytest_formfunc.clock import now_s
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.host import allowed_cores
from pytest_formfunc.measure.disturbance import read_busy_s
from pytest_formfunc.measure.pace import Pace
from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.protocol import Round, Turn
from pytest_formfunc.measure.quiet import LEAST_OTHERS, Cause, stolen_over, why_disturbed
from pytest_formfunc.measure.schedule import MIN_ROUNDS, plan_turn, turn_order
from pytest_formfunc.measure.times import check_times
from pytest_formfunc.measure.workers import POOL
from pytest_formfunc.stats import quantile

# Rounds of what is told but not ranked, in each launch: a process repeats itself, and it is processes that differ.
BRIEF_ROUNDS = 2
# Where the machine is slower than at its best, but not slow, a launch makes up to so many times as many rounds as
# planned, so that enough of them are near its best.
MORE_ROUNDS = 1.5
_PAUSE_S = (0.02, 0.4)  # first and longest pause before a disturbed round is measured again
_REPLAN = 1.5  # calls that turn out to be shorter by this factor get turns of more calls
_PACE_AGE_S = 0.1  # the machine's pace is not taken more often: it stays for longer, and taking it needs about 8 ms
_SURELY_S = 0.03  # the kernel's ticks may make idle cores seem busy for so long


class WorkerLike(Protocol):
    """The part of a worker that measuring uses; tests use a fake worker."""

    def ask(self, message: object) -> Any:
        """Send a message and wait for its answer."""

    def receive(self, timeout_s: float | None = None) -> Any:
        """Wait for an answer."""

    def stop(self) -> None:
        """End the worker."""


@dataclass(frozen=True)
class Conditions:
    """What a measurement depends on beside its participants.

    Attributes:
        threads: number of threads of each engine.
        servers: number of servers that launches are forked from in turn.
        clock: returns the time in seconds, without that for which the pace has waited.
        sleep: waits for some seconds.
        busy_s: returns the seconds for which all cores have worked, or 0 if unknown.
        cores: returns the number of cores that this process may use.
        pace: says whether the machine is slow at the moment.
    """

    threads: int = 1
    servers: int = POOL
    clock: Callable[[], float] = now_s
    sleep: Callable[[float], None] = time.sleep
    busy_s: Callable[[], float] = read_busy_s
    cores: Callable[[], int] = allowed_cores
    pace: Pace = field(default_factory=Pace)


class LaunchRounds:
    """Makes the rounds of one launch.

    Attributes:
        turns: what each participant does in its turn.
        cause: what disturbed the launch, so that it has too few quiet rounds; None if nothing did.
        discarded: number of rounds that were measured again.
        own_waiting: whether threads waited for cores although no other program used them: the engines' own threads wait
            for each other, which no other moment changes.
        pace: the slowest pace of the machine beside the rounds that count; 0 if it is not known.
        mean_pace: their geometric mean; 0 if it is not known.
    """

    def __init__(
        self,
        alive: Sequence[Participant],
        brief: Collection[Participant],
        workers: Mapping[Participant, WorkerLike],
        calls_s: Mapping[Participant, float],
        conditions: Conditions,
        launch: int,
        fail: Callable[[Participant, MeasurementError], None],
        show: Callable[[int, int], None],
    ) -> None:
        """Take the participants.

        Args:
            alive: the participants that have loaded.
            brief: those of them that take part only until `BRIEF_ROUNDS` rounds are quiet and near the best pace.
            workers: their workers.
            calls_s: seconds of a call of each, to plan its turns with.
            conditions: what the measurement depends on beside them.
            launch: number of the launch, which decides whose turn comes first.
            fail: called with a participant that failed, and why.
            show: called before each round with its index and the number of rounds.
        """
        self.turns = {participant: plan_turn(calls_s[participant]) for participant in alive}
        self.cause: Cause | None = None
        self.discarded = 0
        self.own_waiting = False
        self.pace = self.mean_pace = 0.0
        self._alive = list(alive)
        self._brief = frozenset(brief)
        self._workers = workers
        self._calls_s = dict(calls_s)
        self._conditions = conditions
        self._launch = launch
        self._fail = fail
        self._show = show
        self._failed: set[Participant] = set()
        self._rounds: list[dict[Participant, Round]] = []
        self._causes: list[Cause | None] = []
        self._paces: list[tuple[float, float]] = []  # before and after each round
        self._pace = 0.0  # after the last round
        self._chosen: list[int] = []
        self._cpu_s: dict[Participant, float] = {}
        self._worked: list[tuple[float, float, float]] = []  # time, all cores' work, that of the participants

    def make_one_call(self) -> None:
        """Make one round of one call of each participant, whatever disturbs it."""
        self._take_turns(0, {participant: Turn(0, 1) for participant in self._alive})
        self._chosen = [0]

    def make(self, planned: int, until_s: float) -> None:
        """Make rounds until as many as planned are quiet and near the machine's best pace, or until a time.

        Of those that are quiet and not near it there are `MORE_ROUNDS` times as many at most. A launch that waits for
        quiet rounds and is late ends with a few, which is all that it gives if they are disturbed; one that does not
        wait has as many as planned, at any pace.
        """
        conditions = self._conditions
        pause_s = _PAUSE_S[0]
        waits = until_s > conditions.clock()
        self._pace = conditions.pace.take()
        most = math.ceil(MORE_ROUNDS * planned) if waits else planned
        while (quiet := self._causes.count(None)) < most and len(self._failed) < len(self._alive):
            near = self._near()
            if len(near) >= planned and self._has_everyone(near):
                break
            late = conditions.clock() >= until_s
            disturbed = len(self._causes) > quiet
            if late and len(self._rounds) >= (min(planned, MIN_ROUNDS) if waits and disturbed else planned):
                break
            if waits and self._causes and self._causes[-1] is Cause.SLOW:
                if quiet >= MIN_ROUNDS:  # they are enough, and the next launch waits for a better moment
                    break
                conditions.pace.wait()
                self._pace = conditions.pace.take(_PACE_AGE_S)
            elif self._causes and self._causes[-1] is not None and not late:
                conditions.sleep(min(pause_s, max(until_s - conditions.clock(), 0.0)))
                pause_s = min(2 * pause_s, _PAUSE_S[1])
            self._show(min(quiet, planned - 1), planned)
            self._one_round(len(self._rounds), self.turns)
        self._choose(planned, any_pace=not waits)

    def _near(self) -> list[int]:
        """Return the rounds that are quiet and near the machine's best pace."""
        is_near = self._conditions.pace.is_near
        return [index for index, cause in enumerate(self._causes) if cause is None and is_near(max(self._paces[index]))]

    def _has_everyone(self, chosen: Collection[int]) -> bool:
        """Return whether everyone who has not failed took part in some of these rounds.

        The machine may show its best pace late: rounds that were near the best until then are not near it any more.
        """
        there = {participant for index in chosen for participant in self._rounds[index]}
        return self._failed.issuperset(one for one in self._alive if one not in there)

    def of(self, participant: Participant) -> list[Round]:
        """Return the rounds of a participant that count."""
        return [self._rounds[index][participant] for index in self._chosen if participant in self._rounds[index]]

    def _one_round(self, index: int, turns: Mapping[Participant, Turn]) -> None:
        """Make a round, and note what disturbed it."""
        answers = self._take_turns(index, turns)
        pace = self._conditions.pace
        before, self._pace = self._pace, pace.take(_PACE_AGE_S)
        self._paces.append((before, self._pace))
        found = self._why_disturbed(answers, turns)
        self._causes.append(found or (Cause.SLOW if pace.is_slow(max(self._paces[-1])) else None))
        self._cpu_s |= {participant: answer.disturbance.total_cpu_s for participant, answer in answers.items()}
        own_s = sum(self._cpu_s.values()) + pace.cpu_s
        self._worked.append((self._conditions.clock(), self._conditions.busy_s(), own_s))

    def _take_turns(self, index: int, turns: Mapping[Participant, Turn]) -> dict[Participant, Round]:
        answers: dict[Participant, Round] = {}
        near = self._near()
        enough = {one for one in self._brief if sum(one in self._rounds[place] for place in near) >= BRIEF_ROUNDS}
        taking_part = [participant for participant in self._alive if participant not in enough]
        for place in turn_order(len(taking_part), self._launch, index):
            participant = taking_part[place]
            if participant in self._failed:
                continue
            try:
                answer = self._workers[participant].ask(turns[participant])
                check_times(answer.calls_s)
                answers[participant] = answer
            except MeasurementError as error:
                self._failed.add(participant)
                self._fail(participant, error)
        self._rounds.append(answers)
        return answers

    def _why_disturbed(self, answers: Mapping[Participant, Round], turns: Mapping[Participant, Turn]) -> Cause | None:
        conditions = self._conditions
        cores = conditions.cores()
        found = Cause.QUOTA if cores < conditions.threads else None
        for participant, answer in answers.items():
            expected_s = turns[participant].calls * self._calls_s[participant]
            found = found or why_disturbed(answer.disturbance, conditions.threads, max(cores, 1), expected_s)
        if found is None:
            for participant, answer in answers.items():
                self._replan(participant, quantile(answer.calls_s, 0.5))
        return found

    def _replan(self, participant: Participant, call_s: float) -> None:
        """Give a participant longer turns if its calls are shorter than planned: a disturbed warm-up misleads."""
        if call_s * _REPLAN < self._calls_s[participant]:
            self._calls_s[participant] = call_s
            self.turns[participant] = plan_turn(call_s)

    def _choose(self, planned: int, *, any_pace: bool) -> None:
        """Choose the rounds that count: of the quiet ones those near the best pace, if there are enough; else all."""
        quiet = [index for index, cause in enumerate(self._causes) if cause is None]
        everything = list(range(len(self._rounds)))
        found = [cause for cause in self._causes if cause is not None]
        enough = len(quiet) >= min(planned, MIN_ROUNDS)
        near = [] if any_pace else self._near()
        are_enough = len(near) >= min(planned, MIN_ROUNDS) and self._has_everyone(near)
        chosen = near if are_enough else quiet if enough else everything
        # Rounds are compared one by one with those of brief ones, which therefore are the first.
        brief = {one for one in self._brief if any(one in self._rounds[index] for index in chosen)}
        self._chosen = sorted(chosen, key=lambda index: not brief <= self._rounds[index].keys())
        paces = [pace for index in self._chosen for pace in self._paces[index]]
        self.pace = max(paces, default=0.0)
        self.mean_pace = geometric_mean(paces) if paces and min(paces) > 0 else 0.0
        if not enough and set(found) == {Cause.WAITING} and not self._others_worked():
            self.own_waiting = True
            return
        self.discarded = len(everything) - len(quiet) if enough else 0
        turns = [answer.disturbance for index in self._chosen for answer in self._rounds[index].values()]
        if found and not enough:
            self.cause = max(found, key=found.count)
        elif stolen_over(turns, max(self._conditions.cores(), 1)):
            self.cause = Cause.STOLEN

    def _others_worked(self) -> bool:
        """Return whether other programs used the cores while the rounds were made; True if unknown."""
        (began, busy, own), (ended, busy_later, own_later) = self._worked[0], self._worked[-1]
        if len(self._worked) < 2 or busy_later <= busy:
            return True
        others_s = busy_later - busy - (own_later - own)
        return others_s > max(_SURELY_S, LEAST_OTHERS * (ended - began) * self._conditions.cores())
