"""Ask worker processes which backends and which packages a workspace has, and whether files load there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from typing import Any

from pytest_formfunc.backends import backend_entry
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.forms.programs import ProgramSource
from pytest_formfunc.measure.workers import WorkerServer
from pytest_formfunc.measure.workspace import OWN, Workspace


def probe_backends(workers: WorkerServer, backends: Sequence[str], workspace: Workspace = OWN) -> dict[str, str | None]:
    """Return, for each backend, why it cannot be used in a workspace, or None if it can.

    No process is started if none of the backends has its packages installed.
    """
    answer: dict[str, str | None] = {}
    if workspace.environment is None:
        answer = {name: backend_entry(name).why_not_installed() for name in backends}
    waiting = tuple(name for name in backends if answer.get(name) is None)
    if waiting:
        with workers.worker(workers.job("probe", workspace, backends=waiting), "backend probe") as worker:
            answer |= worker.receive()
    return answer


def probe_devices(
    workers: Callable[[], WorkerServer], backends: Collection[str]
) -> dict[str, tuple[dict[str, Any], ...]]:
    """Return what backends tell of their devices beside the processor, of those for which a device was named.

    No process is started where none was.
    """
    named = tuple(sorted(name for name in backends if backend_entry(name).device not in ("", "CPU")))
    if not named:
        return {}
    server = workers()
    answer: dict[str, tuple[dict[str, Any], ...]] = {}
    with (
        contextlib.suppress(MeasurementError),  # a driver that ends the process leaves nothing to be measured either
        server.worker(server.job("devices", OWN, backends=named), "look at the devices") as worker,
    ):
        answer = worker.receive()
    return answer


def probe_programs(workers: WorkerServer, sources: Sequence[ProgramSource]) -> dict[str, str]:
    """Return, for each exported program's file that torch does not load, why; no process is started for none."""
    if not sources:
        return {}
    with workers.worker(workers.job("load", OWN, sources=tuple(sources)), "look at the models' files") as worker:
        answer: dict[str, str] = worker.receive()
    return answer


def probe_host(workers: WorkerServer, workspace: Workspace) -> dict[str, Any]:
    """Return the description of the machine and of the package versions in a workspace's environment."""
    with workers.worker(workers.job("host", workspace), "host probe") as worker:
        host: dict[str, Any] = worker.receive()
    return host
