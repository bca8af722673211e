"""What says in a run whether the machine is slow at the moment."""

from __future__ import annotations

from pytest_formfunc.backends import distributions
from pytest_formfunc.host import describe_host, fingerprint
from pytest_formfunc.measure.pace import Pace, measured_pace
from pytest_formfunc.measure.pace_history import PaceHistory
from pytest_formfunc.measure.rounds import Conditions
from pytest_formfunc.measure.workers import WorkerServer
from pytest_formfunc.settings import Settings


def pace_of_host(workers: WorkerServer, settings: Settings) -> Pace:
    """Return the pace of this machine, which remembers its best of earlier runs with so many threads."""
    host = describe_host(distributions())
    key = f"{fingerprint(host)}, torch {host['versions'].get('torch')}, {settings.threads} threads"
    return measured_pace(workers, PaceHistory(settings.cache_dir, key))


def conditions_of(settings: Settings, workers: WorkerServer, pace: Pace) -> Conditions:
    """Return what measuring depends on beside its participants; what was waited for a better pace is in no time."""
    return Conditions(
        threads=settings.threads,
        servers=workers.size,
        clock=lambda: workers.clock() - pace.waited_s,
        pace=pace,
    )
