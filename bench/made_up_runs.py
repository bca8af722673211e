"""Made-up runs that are saved, and one more that is compared with them, for simulating the gate against saved runs.

Nothing changes between them, unless a loss is given to the last one; but runs differ by more than their launches show,
as those of a real machine do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pytest_formfunc.gate.baseline import Baseline
from pytest_formfunc.gate.error_budget import Family
from pytest_formfunc.gate.judge import Evidence
from pytest_formfunc.gate.saved import SAVED, SavedJudge
from pytest_formfunc.records import METHOD, Record
from pytest_formfunc.records.parts import Latency, Noise, Samples, Verdict
from pytest_formfunc.stats import Estimate

POOLED = 5  # saved runs whose mean is compared with, at most
GROUP = 8  # cases that are measured before the first of them is judged
LAUNCHES = 8  # of each run, each from a server of its own
LAUNCH_SD = 0.03  # of the log speedup between launches


@dataclass(frozen=True)
class World:
    """How runs differ, beyond what their launches show; everything is of the log speedup.

    Attributes:
        name: for the table.
        shared: the part of the variance that all cases of a run have in common.
        unlike: how many times as much the noisiest case varies as the calmest one; their mean square stays.
        walk: standard deviation of the steps of a random walk, in those of a run.
        trend: how far each run is from the one before it, in the same unit, up or down.
    """

    name: str
    shared: float = 0.0
    unlike: float = 1.0
    walk: float = 0.0
    trend: float = 0.0


WORLDS = (
    World("cases by themselves"),
    World("half of it in common", shared=0.5),
    World("cases unlike by a factor of 3", unlike=3.0),
    World("also a random walk", walk=0.5),
    World("also a slow trend", trend=0.25),
)


def draw_logs(generator: np.random.Generator, world: World, sd: float, runs: int, cases: int) -> NDArray[np.float64]:
    """Return the log change of each run (row) and case (column).

    Args:
        generator: of random numbers.
        world: how runs differ.
        sd: the standard deviation of one run.
        runs: number of runs.
        cases: number of cases.
    """
    reach = math.log(world.unlike) / 2
    own = sd * np.exp(generator.uniform(-reach, reach, cases))
    if reach:
        own *= math.sqrt(2 * reach / math.sinh(2 * reach))

    def draw() -> NDArray[np.float64]:
        common, alone = generator.normal(size=(runs, 1)), generator.normal(size=(runs, cases))
        return own * (math.sqrt(world.shared) * common + math.sqrt(1 - world.shared) * alone)

    way = generator.choice([-1.0, 1.0], 1 if world.shared else cases)
    steady = draw() + world.trend * own * way * np.arange(runs)[:, None]
    return steady + world.walk * np.cumsum(draw(), axis=0) if world.walk else steady


def make_record(case: str, launches: Sequence[float]) -> Record:
    """Return a record of a case that has these log speedups, one for each launch, each from a server of its own."""
    accelerated = Samples(((0.0025,),) * len(launches), ())
    native = Samples(tuple((0.0025 * math.exp(log),) for log in launches), ())
    return Record(
        case, {}, (1, 3, 32, 32), 1, 0, "openvino", False, "f32", "CPU", 2, 1, Latency(*[0.0025] * 6), 0.0, 0.0, 1, {},
        Noise(0, 0, 0, 0, 0.0), accelerated, {}, "here", "budget", method=METHOD, native_samples=native,
        native_kept_samples=native, speedup_memory_kept=Estimate(4.0, 3.0, 5.0), servers=tuple(range(len(launches))),
    )  # fmt: skip


class MadeUpRun:
    """One run that is compared with made-up saved ones."""

    def __init__(
        self, generator: np.random.Generator, world: World, sd: float, saved: int, cases: int, losses: Sequence[float]
    ) -> None:
        """Draw the runs.

        Args:
            generator: of random numbers.
            world: how runs differ.
            sd: the standard deviation of the log speedup of one run, beyond what its launches show.
            saved: number of saved runs.
            cases: number of cases, each of which is one comparison.
            losses: what each case has lost in the last run, as a fraction.
        """
        self._generator = generator
        logs = math.log(4.0) + draw_logs(generator, world, sd, saved + 1, cases)
        self._now = logs[-1] + np.log1p(-np.asarray(losses))
        self._names = [f"case-{index}" for index in range(cases)]
        history = {
            (name, "openvino"): tuple(
                make_record(name, row) for row in logs[:-1, index, None] + self._launches((saved, LAUNCHES))
            )
            for index, name in enumerate(self._names)
        }
        newest = {key: records[-1] for key, records in history.items()}
        self._baseline = Baseline(
            "made up", newest, {}, {key: records[-POOLED:] for key, records in history.items()}, history
        )
        self.more = 0  # launches that were asked for

    def verdicts(self, threshold: float, locks: object = SAVED) -> Iterator[Verdict]:
        """Judge the cases in their order, as a run does: each group is measured, and then judged."""
        judge = SavedJudge(self._baseline, Family(len(self._names)), locks=locks)
        records: dict[str, Record] = {}
        for begin in range(0, len(self._names), GROUP):
            group = self._names[begin : begin + GROUP]
            logs = {name: [*self._now[begin + index] + self._launches(LAUNCHES)] for index, name in enumerate(group)}
            records |= {name: make_record(name, logs[name]) for name in group}
            for name in group:
                yield self._judge(judge, name, records, logs[name], threshold)

    def _judge(self, judge: SavedJudge, name: str, records: dict[str, Record], logs: list[float], threshold: float):
        middle = self._now[self._names.index(name)]

        def look_again(more) -> float:
            self.more += more.launches
            logs.extend(middle + self._launches(more.launches))
            records[name] = replace(make_record(name, logs), servers=tuple(range(len(logs))))
            return float(more.launches)

        evidence = Evidence(
            (name, "openvino"), lambda: records[name], look_again=look_again, so_far=lambda: [*records.values()]
        )
        found = judge.judge(evidence, threshold)
        assert found is not None
        return found.verdict

    def _launches(self, size) -> NDArray[np.float64]:
        return self._generator.normal(0.0, LAUNCH_SD, size)
