"""Fork the worker of a participant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_formfunc.measure.artifacts import Prepared
from pytest_formfunc.measure.case_measurer import Launch
from pytest_formfunc.measure.participants import Participant, Side
from pytest_formfunc.measure.rounds import WorkerLike
from pytest_formfunc.measure.workspace import OWN, Workspace
from pytest_formfunc.parity import INPUTS, LATER_INPUTS


@dataclass(frozen=True)
class PreparedSide:
    """What one side of a measurement runs.

    Attributes:
        source: the source of the network.
        prepared: the artifacts.
        workspace: whose code and packages the workers use.
    """

    source: Any
    prepared: Prepared
    workspace: Workspace = OWN


def launcher(server: Any, sides: Mapping[Side, PreparedSide], seed: int, slow_down: Mapping[str, float]) -> Launch:
    """Return the function that forks a worker for a participant.

    Args:
        server: a `WorkerServer`.
        sides: what this run's side runs and, in a comparison with another revision, what the other side runs.
        seed: seed of the inputs.
        slow_down: fraction by which to lengthen each call of a backend on this run's side.
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
            seeds=tuple(range(seed, seed + (INPUTS if number == 0 else LATER_INPUTS))),
            check_repeatable=number == 0 and participant.is_native and not participant.keeps,
            half=side.prepared.half,
            lost_in_export=side.prepared.lost_in_export,
            outputs_to=outputs_to,
            keep_memory=participant.keeps,
            graph=number == 0,  # it is the same in every launch, and some engines take long to return it
            slow_down=slow_down.get(backend, 0.0) if participant.here else 0.0,
        )
        worker: WorkerLike = server.worker(job, f"{participant} worker", number)
        return worker

    return launch
