"""Ask worker processes which backends and which packages a workspace has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_formfunc.backends import backend_entry
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


def probe_host(workers: WorkerServer, workspace: Workspace) -> dict[str, Any]:
    """Return the description of the machine and of the package versions in a workspace's environment."""
    with workers.worker(workers.job("host", workspace), "host probe") as worker:
        host: dict[str, Any] = worker.receive()
    return host
