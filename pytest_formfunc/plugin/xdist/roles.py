"""Which part this process has in a run under pytest-xdist, and what the controller tells its workers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pytest

    from pytest_formfunc.plugin.xdist.messages import Collected
    from pytest_formfunc.results import Results

ALIVE = "alive"  # what a worker says now and then
ALIVE_EVERY_S = 2.0
KEY = "formfunc"  # of xdist's `workerinput`, and of the property that a report travels with


@dataclass(frozen=True)
class Assignment:
    """What the controller tells a worker.

    Attributes:
        worker: the worker's name, as in ``gw0``.
        workers: number of workers.
        run: name of the run.
        journal: file of the run's journal on the controller's machine; empty if it is in the usual place.
        resume: file of the journal that the run continues, or an empty string.
        channel: sends texts to the controller (`execnet.Channel`).
    """

    worker: str
    workers: int
    run: str
    journal: str
    resume: str
    channel: Any


class Worker(Protocol):
    """What the session knows of a worker's part."""

    def drop_warning(self, items: Sequence[pytest.Item]) -> None:
        """Keep pytest-benchmark from saying that it is switched off here."""

    def refuse(self, sentence: str) -> None:
        """Tell the controller why nothing can be measured."""

    def say(self, collected: Collected) -> None:
        """Tell the controller what was collected."""


class Controller(Protocol):
    """What the session knows of the controller's part."""

    @property
    def results(self) -> Results | None:
        """Return what all workers have found so far."""

    def close(self, *, complete: bool) -> None:
        """End the journal of the run."""


def is_worker(config: pytest.Config) -> bool:
    """Return whether this process is one of xdist's workers."""
    return hasattr(config, "workerinput")


def is_controller(config: pytest.Config) -> bool:
    """Return whether this process distributes tests to workers and runs none itself."""
    if is_worker(config) or not config.pluginmanager.has_plugin("xdist") or config.option.collectonly:
        return False
    return config.getoption("dist", "no") != "no" and bool(config.getoption("tx", None))


def assignment_of(config: pytest.Config) -> Assignment | None:
    """Return what the controller told this worker; None in other processes, and if no plugin of ours told anything."""
    given = getattr(config, "workerinput", {}).get(KEY)
    if given is None:
        return None
    told = getattr(config, "workerinput", {})
    return Assignment(
        told["workerid"], told["workercount"], given["run"], given["journal"], given["resume"], given["channel"]
    )


def take_cores(config: pytest.Config) -> None:
    """Let a worker run on its set of cores only, where ``--formfunc-cores`` asks for sets.

    This comes before settings are read: the number of threads is that of the cores that a process may run on. A value
    that is none is refused where settings are read.
    """
    given = str(config.getoption("formfunc_cores") or config.getini("formfunc_cores")).strip()
    if not is_worker(config) or not given.isdecimal() or not 0 < int(given) <= len(os.sched_getaffinity(0)):
        return
    from pytest_formfunc.measure.core_sets import pin_to_set

    number = str(getattr(config, "workerinput", {}).get("workerid", "")).removeprefix("gw")
    pin_to_set(int(number) if number.isdecimal() else 0, int(given))
