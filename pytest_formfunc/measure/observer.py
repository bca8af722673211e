"""Observe the participants of one case by instruments, each in processes of its own, after everything was timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pytest_formfunc.allocator import why_not_kept
from pytest_formfunc.backends import NATIVE
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.measure.instruments import INSTRUMENTS
from pytest_formfunc.measure.instruments.base import Launches, Seen
from pytest_formfunc.measure.launch import PreparedSide
from pytest_formfunc.measure.schedule import turn_order
from pytest_formfunc.measure.workers import WorkerServer

Observations = dict[str, dict[str, dict[str, Any]]]  # by backend and instrument


def observe_case(
    side: PreparedSide,
    backends: Sequence[str],
    server: WorkerServer,
    seed: int,
    show: Callable[[str], None],
    instruments: Sequence[str] | None = None,
) -> Observations:
    """Return what the instruments find of each backend; one that cannot work says why, and the others go on.

    Args:
        side: what is prepared of the case.
        backends: those that were measured, native among them.
        server: forks the workers.
        seed: of the inputs.
        show: shows a short progress text.
        instruments: their names; all by default.
    """
    prepared, found = side.prepared, {name: dict[str, dict[str, Any]]() for name in backends}
    keeps = why_not_kept() is None
    for name in instruments or INSTRUMENTS.names():
        instrument = INSTRUMENTS.entry(name).make()
        seen: dict[str, list[Seen]] = {backend: [] for backend in backends}
        refused: dict[str, str] = {}
        for number in range(instrument.launches):
            for place in turn_order(len(backends), number, 0):
                backend = backends[place]
                if backend in refused:
                    continue
                show(f"{name}: {backend}, {number + 1} of {instrument.launches}")
                job = server.job(
                    "observe", side.workspace, instrument=name, engine=prepared.engines[backend], source=side.source,
                    artifact=str(Path(prepared.folder) / prepared.artifacts[backend]), half=prepared.half, seed=seed,
                    keep_memory=keeps, cost=prepared.cost,
                )  # fmt: skip
                try:
                    with server.worker(job, f"{backend} worker that observes its {name}", number) as worker:
                        seen[backend].append(worker.receive())
                except MeasurementError as error:
                    refused[backend] = str(error)
        for backend in backends:
            if backend in refused:
                found[backend][name] = {"unavailable": refused[backend]}
                continue
            native = [] if NATIVE in refused else seen[NATIVE]
            launches = Launches(seen[backend], native, prepared.cost, found[backend], backend == NATIVE)
            found[backend][name] = instrument.sum_up(launches)
    return found
