"""Made-up launches for simulations of the gate: real judges decide on random series, on a clock of their own."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from pytest_formfunc.gate.judge import Evidence, OtherSide
from pytest_formfunc.gate.pooled_change import note_launches
from pytest_formfunc.gate.side_by_side import SideBySideJudge, _paired_rounds
from pytest_formfunc.measure.effort import MoreLaunches
from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.rounds import Conditions
from pytest_formfunc.measure.schedule import VERDICT_ROUNDS, steady_rounds
from pytest_formfunc.records.parts import Counterpart
from pytest_formfunc.stats import Estimate
from pytest_formfunc.stats.servers import ENOUGH_SERVERS

LOAD_S, ROUND_S = 0.28, 0.036  # of two participants, as measured (docs/figures.md)
SERVERS = Conditions().servers
HERE = Participant("openvino")
THERE = HERE.counterpart
EVERYONE = (HERE.native, HERE, THERE.native, THERE)
_DISTURBED = (0.4, 2.2)  # how much a round scatters, by whether something disturbs it: on average 1, squared
_SHARE = 0.2  # of the rounds that are disturbed


class _Side:
    """What was prepared of a side: the same network on both."""

    input_shapes = ((1, 3),)
    program: ClassVar = {"digest": "one"}


PREPARED: Any = _Side()
OTHER = OtherSide("the other", "main", "0" * 40)


class PlainJudge(SideBySideJudge):
    """The judge, without the sentences and the counterpart, which need more of a measurement than its series."""

    def _sentence(self, *_: Any) -> str:
        return "said"

    def _counterpart(self, *_: Any, **__: Any) -> None:
        return None


class NotingJudge(PlainJudge):
    """The judge, whose counterpart has what pooled verdicts are made of."""

    def _counterpart(self, evidence: Evidence, *, same_program: bool = False) -> Counterpart:
        measurement: Any = evidence.measurement
        rounds = _paired_rounds(measurement, (HERE, THERE), EVERYONE, same_native=same_program)
        judged = note_launches(rounds, self._process, self._locks, same_kernels=False, own_servers=False)
        return Counterpart("main", "0" * 40, Estimate(1.0, 1.0, 1.0), (), (), (), judged)


class MadeUp:
    """A run of one case after the other, each with new random launches.

    Attributes:
        loss: by how much the accelerated side is slower here, as a fraction of its time.
        rounds, launches, servers: standard deviations of the log ratio: of a round, of what the rounds of a launch have
            in common, and of what launches of one server have in common. A fifth of the rounds are disturbed.
        common: the same of what launches of one server have in common in all cases of a run.
        pool: number of servers that launches are forked from in turn.
        same_kernels: whether the engine says that it executes the same on both sides.
        asked: the further looks that were asked for.
        spent_s: seconds that they took.
    """

    def __init__(
        self,
        seed: int,
        *,
        loss: float = 0.0,
        rounds: float = 0.13,
        launches: float = 0.015,
        servers: float = 0.0,
        common: float = 0.0,
        pool: int = SERVERS,
        same_kernels: bool = False,
    ) -> None:
        self.same_kernels = same_kernels
        self.generator = np.random.default_rng(seed)
        self.loss, self.rounds, self.launches, self.servers, self.pool = loss, rounds, launches, servers, pool
        self.common = common
        self.begin_run()
        self.begin()

    def begin_run(self) -> None:
        """Begin a run, with servers of its own that all its cases share."""
        self._of_run = self.generator.normal(0, self.common, self.pool)

    def begin(self) -> None:
        """Measure the next case: the first look's launches, of all four participants."""
        self.asked: list[MoreLaunches] = []
        self.spent_s = 0.0
        self.values: dict[Participant, list[Any]] = {participant: [] for participant in EVERYONE}
        self.series = dict.fromkeys(EVERYONE)
        self._of_server = self.generator.normal(0, self.servers, self.pool)
        self._made = 0
        for _ in range(ENOUGH_SERVERS):
            self._launch(EVERYONE, VERDICT_ROUNDS)

    def _launch(self, participants: tuple[Participant, ...], rounds: int) -> None:
        server = self._made % self.pool
        own = self._of_run[server] + self._of_server[server] + self.generator.normal(0, self.launches)
        self._made += 1
        for participant in participants:
            values = 0.002 * np.ones(rounds)
            if participant == THERE:
                scatter = self.generator.choice(_DISTURBED, rounds, p=[1 - _SHARE, _SHARE]) * self.rounds
                values = values * np.exp(own - math.log1p(self.loss) + scatter * self.generator.normal(0, 1, rounds))
            self.values[participant].append(values)

    def shared(self, *participants: Participant) -> list[int]:
        """Return the launches that some participants share, as `Measurement` does."""
        return [*range(min(len(self.values[participant]) for participant in participants))]

    def servers_of(self, numbers: list[int]) -> list[int]:
        """Return the server of each launch, as `Measurement` does."""
        return [number % self.pool for number in numbers]

    def together(self, *participants: Participant) -> list[list[Any]]:
        """Return the rounds of some participants, as `Measurement` does."""
        count = len(self.shared(*participants))
        return [self.values[participant][:count] for participant in participants]

    def ranked_pair(self, participant: Participant) -> tuple[Participant, Participant]:
        """Return what is judged, as `Measurement` does."""
        return participant.native, participant

    def graph(self, participant: Participant) -> dict[str, Any] | None:
        """Return what the engine executes: the same on both sides, or None where it does not tell."""
        return {"hash": "one", "kernels": {"one": 1}} if self.same_kernels else None

    def evidence(self) -> Evidence:
        """Return what the judge looks at."""
        measurement: Any = self
        return Evidence(("case", "openvino"), lambda: None, measurement, PREPARED, PREPARED, self.look_again)

    def look_again(self, more: MoreLaunches) -> float:
        """Make further launches, as many as the time allows; return the seconds that they take."""
        self.asked.append(more)
        assert more.scatter is not None
        rounds = steady_rounds(more.scatter, ROUND_S, LOAD_S, more.seconds, more.launches)
        launch_s = LOAD_S + rounds * ROUND_S
        launches = min(more.launches, max(1, int(more.seconds / launch_s)))
        for _ in range(launches):
            self._launch(more.only, rounds)
        self.spent_s += launches * launch_s
        return launches * launch_s


def judge_next(run: MadeUp, judge: SideBySideJudge, threshold: float) -> Any:
    """Measure and judge one more case of a made-up run; return its verdict."""
    run.begin()
    judgement = judge.judge(run.evidence(), threshold)
    assert judgement is not None
    return judgement.verdict
