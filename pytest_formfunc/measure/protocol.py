"""What parent and worker send each other: small records that can be pickled, no heavy imports."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from typing import Any

from pytest_formfunc.extensions import Extensions
from pytest_formfunc.measure.workspace import Workspace


@dataclass(frozen=True)
class Job:
    """What a freshly forked worker is for.

    Attributes:
        kind: ``prepare`` (export and convert), ``measure`` (one backend of one case), ``probe``, ``host``, ``survey``,
            ``weigh`` (how much memory a model needs).
        workspace: whose code and packages it runs with; its import path and working directory are set.
        threads: threads that the engine may use.
        packed: arguments of the job's kind, pickled: they are opened when the import path is set.
        extensions: the patterns, architectures and backends that others added to the parent.
    """

    kind: str
    workspace: Workspace
    threads: int
    packed: bytes
    extensions: Extensions = field(default_factory=Extensions)

    @property
    def payload(self) -> dict[str, Any]:
        """Open the arguments."""
        payload: dict[str, Any] = pickle.loads(self.packed)
        return payload


@dataclass(frozen=True)
class Disturbance:
    """What the kernel did to one round, read before and after it.

    Attributes:
        run_delay_s: seconds the measuring thread waited for a core (``/proc/thread-self/schedstat``).
        page_faults: minor and major faults of the process.
        involuntary_switches: times a thread of the process was preempted.
        steal_s: seconds that the hypervisor took from this machine, all cores together.
        wall_s: the round's length.
        spin_s: seconds until the engine's threads slept after the round.
    """

    run_delay_s: float
    page_faults: int
    involuntary_switches: int
    steal_s: float
    wall_s: float
    spin_s: float = 0.0


@dataclass(frozen=True)
class Ready:
    """A worker has loaded its model and made its first calls.

    Attributes:
        compile_s: seconds from the artifact on disk to a callable model.
        first_call_s: seconds of the first call.
        settled_call_s: seconds of a call once it was warm: a guess for planning the first rounds.
        outputs: files with the outputs for the parity check, one ``.npz`` a seed.
        graph: the engine's own account of what it runs (kernels), or None; asked for in the first launch.
        precision: the precision that the engine says it runs in.
        device: the device's short name.
        inferences: batches that one call computes.
        settings: what was chosen for the engine beyond its defaults.
    """

    compile_s: float
    first_call_s: float
    settled_call_s: float
    outputs: tuple[str, ...]
    graph: dict[str, Any] | None
    precision: str
    device: str
    inferences: int = 1
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Round:
    """One turn of one backend: every counted call's latency in seconds, and what disturbed it."""

    calls_s: tuple[float, ...]
    disturbance: Disturbance


@dataclass(frozen=True)
class Failure:
    """A job failed inside the worker: one sentence for the user, the traceback for the log."""

    reason: str
    details: str
