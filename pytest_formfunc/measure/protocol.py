"""The messages between parent and worker: small records that can be pickled; this module imports nothing heavy."""

from __future__ import annotations

import math
import pickle
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from pytest_formfunc.errors import FormfuncError, is_out_of_memory, one_line, too_little_memory
from pytest_formfunc.extensions import Extensions
from pytest_formfunc.measure.workspace import Workspace

CLOSED = 71  # exit code of a worker whose connection was closed in it


class HungUp(Exception):
    """The other end of a worker's line has hung up, or this one was closed by code of the model.

    Attributes:
        code: exit code of the worker.
    """

    def __init__(self, code: int = 0) -> None:
        """Take the exit code."""
        super().__init__(code)
        self.code = code


class Line:
    """A worker's end of its connection, whose faults cannot be taken for those of the model's code."""

    def __init__(self, connection: Connection) -> None:
        """Take the connection."""
        self._connection = connection

    def send(self, message: object) -> None:
        """Send a message.

        Raises:
            HungUp: nobody listens.
        """
        with _hung_up():
            self._connection.send(message)

    def recv(self) -> Any:
        """Wait for a message.

        Raises:
            HungUp: nobody sends one.
        """
        with _hung_up():
            return self._connection.recv()


@contextmanager
def _hung_up() -> Iterator[None]:
    try:
        yield
    except (EOFError, BrokenPipeError, ConnectionError):
        raise HungUp from None
    except OSError:  # the model has closed it, or another file has its number
        raise HungUp(CLOSED) from None


@dataclass(frozen=True)
class Job:
    """What a freshly forked worker is for.

    Attributes:
        kind: ``prepare`` (export and convert), ``measure`` (one participant of one case), ``probe`` (which backends can
            be used), ``load`` (which exported programs torch does not load), ``host`` (the machine and the versions),
            ``survey`` (which forms the workspace has), ``weigh`` (how much memory a model needs), ``pace`` (how fast
            the machine is), ``observe`` (one participant, by an instrument), ``change`` (a program, by lints),
            ``share`` (a model, to hand on).
        workspace: whose code and packages it runs with; import path and working directory are not None.
        threads: number of threads that the engine may use.
        packed: the arguments of the job, pickled; they are unpickled once the import path is set.
        extensions: the patterns, architectures and backends that others added in the parent.
    """

    kind: str
    workspace: Workspace
    threads: int
    packed: bytes
    extensions: Extensions = field(default_factory=Extensions)

    @property
    def payload(self) -> dict[str, Any]:
        """Return the arguments, unpickled."""
        payload: dict[str, Any] = pickle.loads(self.packed)
        return payload


@dataclass(frozen=True)
class Turn:
    """What a worker does in its turn.

    Attributes:
        discard: number of calls to make first, which do not count.
        calls: number of counted calls.
        limit_s: seconds after which the turn ends early, with two counted calls at least.
    """

    discard: int
    calls: int
    limit_s: float = math.inf


@dataclass(frozen=True)
class Disturbance:
    """What disturbed one turn, from the kernel's counters before and after it.

    Attributes:
        run_delay_s: seconds that the threads of the process waited for a core, all threads together (``schedstat``).
        page_faults: minor and major faults of the process.
        involuntary_switches: number of times that a thread of the process was preempted.
        steal_s: seconds that the hypervisor took from this machine, all cores together.
        wall_s: seconds that the turn took.
        cpu_s: seconds of processor time that the process used, all threads together.
        continued: number of times that the process was stopped and continued (SIGCONT).
        total_cpu_s: processor time of the process since it began, at the end of the turn.
        sm_mhz: clock of a graphics card's multiprocessors in MHz, the lower of before and after the turn; 0 without.
        power_w: a card's power in watts, the greater one.
        slowed: why a card's clock was below what was asked for, as bits of NVML.
    """

    run_delay_s: float
    page_faults: int
    involuntary_switches: int
    steal_s: float
    wall_s: float
    cpu_s: float = 0.0
    continued: int = 0
    total_cpu_s: float = 0.0
    sm_mhz: float = 0.0
    power_w: float = 0.0
    slowed: int = 0


@dataclass(frozen=True)
class Ready:
    """The message that a worker has loaded its model and made its first calls.

    Attributes:
        compile_s: seconds from the artifact on disk to a callable model.
        first_call_s: seconds of the first call.
        settled_call_s: seconds of a call after the warm-up: an estimate to plan the first rounds with.
        outputs: files with the outputs for the parity check, one ``.npz`` for each input.
        graph: what the engine reports about the kernels that it executes, or None; only the first launch asks for it.
        precision: the precision that the engine runs in, as the engine reports it.
        device: the device's short name.
        inferences: batches that one call computes.
        settings: the settings of the engine that differ from its defaults.
        names: what its outputs are called, in their order; only native names them, and only in the first launch.
        early_call_s: seconds of one of the first calls of the warm-up.
        rounded_to: the half precision that outputs are rounded to; empty where they are not.
        moved_outputs: file with native's outputs for the first input, moved by a rounding; empty where there is none.
        lost_in_export: RMS by which the exported program differs from the module, as it was found when it was prepared.
        ramp_s: seconds of calls that each turn begins with beside those that are discarded.
        card: what of a device must be equal before two runs are compared; empty for the processor.
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
    names: tuple[str, ...] = ()
    early_call_s: float = 0.0
    rounded_to: str = ""
    moved_outputs: str = ""
    lost_in_export: float = 0.0
    ramp_s: float = 0.0
    card: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Round:
    """One turn of one participant.

    Attributes:
        calls_s: the latency of every counted call in seconds.
        disturbance: what disturbed the turn.
        device_s: of some further calls in it, the seconds by the device's own clock; empty where it has none.
        spins: whether threads of the engine still used cores when the turn was over.
    """

    calls_s: tuple[float, ...]
    disturbance: Disturbance
    device_s: tuple[float, ...] = ()
    spins: bool = False


TELL = "tell"
"""The last request to a worker that measures, in place of None, to get what its engine tells of its device as well."""


@dataclass(frozen=True)
class Failure:
    """The message that a job failed in the worker: one sentence for the user, and the traceback for the log.

    Attributes:
        reason: what was raised, in one sentence.
        details: the traceback.
        whole: whether the reason says all, because this package raised it on purpose.
    """

    reason: str
    details: str
    whole: bool = False

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Return what an exception is to the user."""
        whole = isinstance(error, FormfuncError)
        reason = str(error) if whole else one_line(error)
        if is_out_of_memory(error):
            reason, whole = too_little_memory(reason), True
        return cls(reason, "".join(traceback.format_exception(error))[-8000:], whole)
