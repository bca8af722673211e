"""Fork the worker that a participant of a measurement needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_formfunc.measure.artifacts import Prepared
from pytest_formfunc.measure.case_measurer import Launch, WorkerLike
from pytest_formfunc.measure.participants import HEAD, Side, engine_name, is_base


@dataclass(frozen=True)
class Part:
    """One revision's part in a measurement: what it runs, from which artifacts, with whose code."""

    source: Any
    prepared: Prepared
    side: Side = HEAD


def launcher(
    server: Any, parts: Mapping[bool, Part], seed: int, slow_down: Mapping[str, float], *, shake: bool = True
) -> Launch:
    """Return the function that forks a worker for a participant.

    Args:
        server: a `WorkerServer`.
        parts: this revision's part under False and, side by side, the other's under True.
        seed: of the inputs.
        slow_down: fraction by which to lengthen each call of a participant, by its name.
        shake: whether heap layouts are drawn anew.
    """

    def launch(name: str, outputs_to: str, number: int) -> WorkerLike:
        part = parts[is_base(name)]
        backend = engine_name(name)
        job = server.job(
            "measure",
            part.side,
            engine=part.prepared.engines[backend],
            source=part.source,
            artifact=str(Path(part.prepared.folder) / part.prepared.artifacts[backend]),
            seeds=(seed, seed + 1),
            outputs_to=outputs_to,
            layout=number if shake else None,
            graph=number == 0,  # one is like the other, and some engines work for it
            slow_down=slow_down.get(name, 0.0),
        )
        worker: WorkerLike = server.worker(job, f"{name} worker")
        return worker

    return launch
