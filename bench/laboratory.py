"""Shared by the benches behind our figures: cases measured as a run does it, single workers, ratios."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from pytest_formfunc.allocator import why_not_kept
from pytest_formfunc.cases import Case
from pytest_formfunc.host import allowed_cores
from pytest_formfunc.measure.artifacts import Prepared
from pytest_formfunc.measure.case_measurer import CaseMeasurer
from pytest_formfunc.measure.launch import PreparedSide, launcher
from pytest_formfunc.measure.lineup import line_up
from pytest_formfunc.measure.participants import Participant, Side
from pytest_formfunc.measure.rounds import Conditions, WorkerLike
from pytest_formfunc.measure.schedule import plan_turn
from pytest_formfunc.measure.workers import POOL, WorkerServer
from pytest_formfunc.stats import Estimate


class Laboratory:
    """A pool of warm servers that prepares cases, measures them as a run does, and starts single workers.

    Attributes:
        scratch: a folder for artifacts and outputs.
        threads: number of threads of each engine.
        server: the pool; whoever made the laboratory closes it.
    """

    def __init__(self, scratch: Path, servers: int = POOL) -> None:
        self.scratch = scratch
        self.threads = allowed_cores()
        self.server = WorkerServer(timeout_s=120, threads=self.threads, size=servers)

    def start(self) -> None:
        """Start all servers now, so that none starts while something is measured."""
        self.server.begin(self.server.size)
        self.server.wait()

    def measurer(
        self,
        case: Case,
        sides: Mapping[Side, Prepared],
        backends: Sequence[str] = ("native", "openvino"),
        slow_down: Mapping[str, float] | None = None,
    ) -> CaseMeasurer:
        """Return what measures a case as a run does: every backend, those that use the C library's memory twice.

        Args:
            case: the case.
            sides: its artifacts, by side.
            backends: names of the backends, native first.
            slow_down: fraction by which to lengthen each call of a backend on this side.
        """
        lineup = line_up(backends, sides, keep=why_not_kept() is None)
        prepared = {side: PreparedSide(case.source, one) for side, one in sides.items()}
        return CaseMeasurer(
            lineup.participants,
            launcher(self.server, prepared, case.seed, slow_down or {}),
            self.scratch,
            Conditions(threads=self.threads, servers=self.server.size, clock=self.server.clock),
            kept=lineup.kept,
        )

    def prepare(self, case: Case, backends: tuple[str, ...] = ("native", "openvino")) -> Prepared:
        job = self.server.job(
            "prepare", source=case.source, engines={name: name for name in backends}, cache=str(self.scratch / "cache")
        )
        with self.server.worker(job, f"preparing {case.id}") as worker:
            prepared: Prepared = worker.receive()
        return prepared

    @contextmanager
    def worker(
        self, case: Case, prepared: Prepared, backend: str, launch: int = 0
    ) -> Iterator[tuple[WorkerLike, float]]:
        """Give a loaded worker and the seconds of a call after its warm-up; each launch has the next server."""
        fork = launcher(self.server, {Side.HERE: PreparedSide(case.source, prepared)}, case.seed, {})
        worker = fork(Participant(backend), str(self.scratch / backend), launch)
        try:
            yield worker, worker.receive().settled_call_s
        finally:
            worker.stop()


def turn(worker: WorkerLike, call_s: float) -> float:
    """Let a worker take one turn of the schedule; return its median call in seconds."""
    return median(worker.ask(plan_turn(call_s)).calls_s)


def median_ratio(ratios: Sequence[float], level: float = 0.95, draws: int = 5000) -> Estimate:
    """Return the median of paired ratios with its percentile-bootstrap interval."""
    generator = random.Random(0)
    medians = sorted(median(generator.choices(ratios, k=len(ratios))) for _ in range(draws))
    low = medians[math.floor((1 - level) / 2 * draws)]
    high = medians[math.ceil((1 + level) / 2 * draws) - 1]
    return Estimate(median(ratios), low, high, level, len(ratios))


def within(estimate: Estimate, fraction: float) -> bool:
    """Return whether a ratio's value is within ``fraction`` of 1."""
    return 1 - fraction <= estimate.value <= 1 + fraction


def bound(events, trials):
    """Return the 95% upper bound of a probability: exact where there were no events, else Wilson's (1927)."""
    if not trials:
        return 1.0
    if not events:
        return 1 - 0.05 ** (1 / trials)
    z, share = 1.645, events / trials
    center = share + z * z / (2 * trials)
    reach = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return (center + reach) / (1 + z * z / trials)
