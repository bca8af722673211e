"""Fork the worker that a participant of a measurement needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_formfunc.measure.artifacts import Prepared
from pytest_formfunc.measure.case_measurer import Launch, WorkerLike
from pytest_formfunc.measure.participants import Participant, Side
from pytest_formfunc.measure.workspace import OWN, Workspace


@dataclass(frozen=True)
class PreparedSide:
    """What one side of a measurement runs, from which artifacts, with whose code."""

    source: Any
    prepared: Prepared
    workspace: Workspace = OWN


def launcher(
    server: Any,
    sides: Mapping[Side, PreparedSide],
    seed: int,
    slow_down: Mapping[Participant, float],
    *,
    shake: bool = True,
) -> Launch:
    """Return the function that forks a worker for a participant.

    Args:
        server: a `WorkerServer`.
        sides: this run's side and, in a comparison with another revision, that one's.
        seed: of the inputs.
        slow_down: fraction by which to lengthen each call of a participant.
        shake: whether heap layouts are drawn anew.
    """

    def launch(participant: Participant, outputs_to: str, number: int) -> WorkerLike:
        side = sides[participant.side]
        backend = participant.backend
        job = server.job(
            "measure",
            side.workspace,
            engine=side.prepared.engines[backend],
            source=side.source,
            artifact=str(Path(side.prepared.folder) / side.prepared.artifacts[backend]),
            seeds=(seed, seed + 1),
            outputs_to=outputs_to,
            layout=number if shake else None,
            graph=number == 0,  # every launch has the same graph, and some engines work long to give it
            slow_down=slow_down.get(participant, 0.0),
        )
        worker: WorkerLike = server.worker(job, f"{participant} worker")
        return worker

    return launch
