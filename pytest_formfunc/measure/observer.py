"""Observe the participants of one case by instruments, in processes of their own, after everything was timed.

A launch is a process of each participant, in which all instruments look at it one after another. A launch that ends in
the middle of an instrument costs that instrument; the others go on in the next launch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_formfunc.allocator import why_not_kept
from pytest_formfunc.backends import NATIVE
from pytest_formfunc.errors import MeasurementError, one_line
from pytest_formfunc.measure.instruments import INSTRUMENTS
from pytest_formfunc.measure.instruments.base import Instrument, Launches, Seen
from pytest_formfunc.measure.launch import PreparedSide
from pytest_formfunc.measure.schedule import turn_order
from pytest_formfunc.measure.workers import WorkerServer

Observations = dict[str, dict[str, dict[str, Any]]]  # by backend and instrument
MOST_LAUNCHES = 5  # each from another server, if there are so many
FEWEST_LAUNCHES = 3


@dataclass
class _Observed:
    """What the launches of one participant have seen.

    Attributes:
        seen: by instrument, launch by launch.
        refused: why an instrument cannot observe it, by instrument.
    """

    seen: dict[str, list[Seen]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def wanted(self, names: Sequence[str]) -> list[str]:
        """Return the instruments that have to look in the next launch."""
        return [name for name in names if name not in self.refused and not (self.seen.get(name) and _made(name).once)]


def observe_case(
    side: PreparedSide,
    product: PreparedSide | None,
    backends: Sequence[str],
    server: WorkerServer,
    folder: Path,
    seed: int,
    show: Callable[[str], None],
    names: Sequence[str],
) -> Observations:
    """Return what the instruments find of each backend; one that cannot work says why, and the others go on.

    Args:
        side: what is prepared of the case.
        product: the network that an engine's peak is measured with; None where it could not be prepared.
        backends: those that were measured, native among them.
        server: forks the workers.
        folder: for what launches leave to later ones.
        seed: of the inputs.
        show: shows a short progress text.
        names: of the instruments.
    """
    observed = {name: _Observed() for name in backends}
    launches = max(FEWEST_LAUNCHES, min(MOST_LAUNCHES, server.size))
    for number in range(launches):
        for place in turn_order(len(backends), number, 0):
            backend = backends[place]
            if wanted := observed[backend].wanted(names):
                show(f"{backend}, {number + 1} of {launches}")
                _look(side, product, backend, server, folder, seed, number, wanted, observed[backend])
                _share(names, observed[backend], observed.values())
    return {backend: _sum_up(names, backend, observed, side.prepared.cost) for backend in backends}


def _made(name: str) -> Instrument:
    return INSTRUMENTS.entry(name).make()


def _share(names: Sequence[str], one: _Observed, others: Iterable[_Observed]) -> None:
    """Give what an instrument has seen of one participant to all, where it holds for all."""
    for name in names:
        if one.seen.get(name) and _made(name).of_all:
            for other in others:
                other.seen.setdefault(name, one.seen[name])


def _look(
    side: PreparedSide,
    product: PreparedSide | None,
    backend: str,
    server: WorkerServer,
    folder: Path,
    seed: int,
    number: int,
    wanted: Sequence[str],
    observed: _Observed,
) -> None:
    """Let instruments look at a participant in one new process."""
    prepared = side.prepared
    earlier = {name: observed.seen[name][0] for name in wanted if observed.seen.get(name)}
    job = server.job(
        "observe", side.workspace, instruments=list(wanted), earlier=earlier, engine=prepared.engines[backend],
        own=_loadable(side, backend), product=None if product is None else _loadable(product, backend), seed=seed,
        keep_memory=why_not_kept() is None, cost=prepared.cost, folder=str(folder),
    )  # fmt: skip
    looking = wanted[0]
    try:
        with server.worker(job, f"{backend} worker that is observed", number) as worker:
            for looking in wanted:
                answer = worker.receive(_made(looking).limit_s)
                if "unavailable" in answer:
                    observed.refused[looking] = answer["unavailable"]
                else:
                    observed.seen.setdefault(looking, []).append(answer["seen"])
    except MeasurementError as error:
        observed.refused[looking] = str(error)


def _loadable(side: PreparedSide, backend: str) -> tuple[Any, str, str | None] | None:
    """Return the source, the artifact and the half precision of a prepared network; None if the engine refuses it."""
    prepared = side.prepared
    if backend not in prepared.artifacts:
        return None
    return side.source, str(Path(prepared.folder) / prepared.artifacts[backend]), prepared.half


def _sum_up(
    names: Sequence[str], backend: str, observed: dict[str, _Observed], cost: dict[str, int]
) -> dict[str, dict[str, Any]]:
    """Return what the launches say of one participant, by instrument."""
    own, native = observed[backend], observed[NATIVE]
    found: dict[str, dict[str, Any]] = {}
    for name in reversed(names):
        if not own.seen.get(name):
            found[name] = {"unavailable": own.refused.get(name, "each of its processes ended before")}
            continue
        launches = Launches(own.seen[name], native.seen.get(name, []), cost, found, backend == NATIVE)
        try:
            found[name] = _made(name).sum_up(launches)
        except Exception as error:  # noqa: BLE001 - what was timed is not lost for an instrument's fault
            found[name] = {"unavailable": f"what its processes saw cannot be summed up ({one_line(error)})"}
    return {name: found[name] for name in names}
