"""Fork the worker of a participant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_formfunc.backends import LIBC, backend_entry
from pytest_formfunc.measure.artifacts import Prepared
from pytest_formfunc.measure.case_measurer import Launch
from pytest_formfunc.measure.checked_worker import CheckedWorker, Checks
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


def launcher(
    server: Any,
    sides: Mapping[Side, PreparedSide],
    seed: int,
    slow_down: Mapping[str, float],
    threads: Mapping[Side, int] | None = None,
    compared: Collection[Participant] = (),
) -> Launch:
    """Return the function that forks a worker for a participant.

    Args:
        server: a `WorkerServer`.
        sides: what this run's side runs and, in a comparison with another revision, what the other side runs.
        seed: seed of the inputs.
        slow_down: fraction by which to lengthen each call of a backend on this run's side.
        threads: number of threads of a side's engines, where it is not that of the server.
        compared: those that only compute outputs.
    """

    checks: Checks = {}

    def fork(participant: Participant, outputs_to: str, number: int, *, times: bool, compares: bool) -> WorkerLike:
        """Fork a worker that is timed, compares outputs, or both."""
        side, backend = sides[participant.side], participant.backend
        first = number == 0 or not times
        inputs = (INPUTS if first else LATER_INPUTS) if compares else 1
        job = server.job(
            "measure",
            side.workspace,
            engine=side.prepared.engines[backend],
            source=side.source,
            artifact=str(Path(side.prepared.folder) / side.prepared.artifacts[backend]),
            seeds=tuple(range(seed, seed + inputs)),
            compares=compares,
            times=times,
            check_repeatable=compares and first and participant.is_native,
            half=side.prepared.half,
            lost_in_export=side.prepared.lost_in_export,
            outputs_to=outputs_to,
            keep_memory=participant.keeps,
            # It is the same in every launch, and some engines take long to return it.
            graph=compares and first,
            slow_down=slow_down.get(backend, 0.0) if participant.here else 0.0,
        )
        if threads and participant.side in threads:
            job = replace(job, threads=threads[participant.side])
        worker: WorkerLike = server.worker(job, f"{participant} worker", number)
        return worker

    def launch(participant: Participant, outputs_to: str, number: int) -> WorkerLike:
        prepared = sides[participant.side].prepared
        own_files = f"{outputs_to}-{Path(prepared.folder).name}"  # they stay, and cases take turns
        if participant in compared:
            return fork(participant, own_files, number, times=False, compares=True)
        if participant.keeps:  # it runs the same program as the one that does not, which is compared
            return fork(participant, outputs_to, number, times=True, compares=False)
        if backend_entry(prepared.engines[participant.backend]).memory != LIBC:
            return fork(participant, outputs_to, number, times=True, compares=True)
        return CheckedWorker(
            participant,
            checks,
            lambda: fork(participant, own_files, number, times=False, compares=True),
            lambda: fork(participant, outputs_to, number, times=True, compares=False),
            INPUTS if number == 0 else LATER_INPUTS,
            first=number == 0,
        )

    return launch
