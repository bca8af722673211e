"""Shared by the benches behind our figures: cases measured as a run does it, and single workers."""

from __future__ import annotations

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
from pytest_formfunc.measure.lineup import is_same_program, line_up
from pytest_formfunc.measure.pace import measured_pace
from pytest_formfunc.measure.pace_history import PaceHistory
from pytest_formfunc.measure.participants import Participant, Side
from pytest_formfunc.measure.rounds import Conditions, WorkerLike
from pytest_formfunc.measure.schedule import plan_turn
from pytest_formfunc.measure.workers import POOL, WorkerServer


class Laboratory:
    """A pool of warm servers that prepares cases, measures them as a run does, and starts single workers.

    Attributes:
        scratch: a folder for artifacts and outputs.
        threads: number of threads of each engine.
        server: the pool.
        pace: says whether the machine is slow, by what this pool and earlier ones with the same folder have seen.
    """

    def __init__(self, scratch: Path, servers: int = POOL) -> None:
        self.scratch = scratch
        self.threads = allowed_cores()
        self.server = WorkerServer(timeout_s=120, threads=self.threads, size=servers)
        self.pace = measured_pace(self.server, PaceHistory(scratch, "laboratory"))

    def close(self) -> None:
        """End every process."""
        self.pace.close()
        self.server.close()

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
        same = Side.THERE in sides and is_same_program(sides[Side.HERE], sides[Side.THERE])
        lineup = line_up(backends, sides, keep=why_not_kept() is None, same_native=same)
        prepared = {side: PreparedSide(case.source, one) for side, one in sides.items()}
        return CaseMeasurer(
            lineup,
            launcher(self.server, prepared, case.seed, slow_down or {}, compared=lineup.compared),
            self.scratch,
            Conditions(
                threads=self.threads,
                servers=self.server.size,
                clock=lambda: self.server.clock() - self.pace.waited_s,
                pace=self.pace,
            ),
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
        self, case: Case, prepared: Prepared, backend: str, launch: int = 0, *, keep_memory: bool = False
    ) -> Iterator[tuple[WorkerLike, float]]:
        """Give a loaded worker and the seconds of a call after its warm-up.

        Args:
            case: the case.
            prepared: its artifacts.
            backend: name of the backend.
            launch: number of the launch: each is forked from the next server of the pool.
            keep_memory: whether the worker keeps the memory that it frees.
        """
        fork = launcher(self.server, {Side.HERE: PreparedSide(case.source, prepared)}, case.seed, {})
        participant = Participant(backend, keeps=keep_memory)
        worker = fork(participant, str(self.scratch / participant.file_stem), launch)
        try:
            yield worker, worker.receive().settled_call_s
        finally:
            worker.stop()


def turn(worker: WorkerLike, call_s: float) -> float:
    """Let a worker take one turn of the schedule; return its median call in seconds."""
    return median(worker.ask(plan_turn(call_s)).calls_s)
