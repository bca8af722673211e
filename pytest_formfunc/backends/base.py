"""The interface of an engine: report whether it is available, prepare once, load, run often."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_formfunc.errors import MeasurementError, Unsupported

if TYPE_CHECKING:
    import numpy as np

    from pytest_formfunc.backends.profiling import Profiler
    from pytest_formfunc.backends.reproduction import Reproduction
    from pytest_formfunc.cards import State
    from pytest_formfunc.forms.built import Network
    from pytest_formfunc.forms.sources import Source


RAMP_S = 0.06  # an idle card's clock is a fifth of what it is under load, and rises within tens of milliseconds


def require_module(network: Network, why: str) -> Any:
    """Return the network's module.

    Raises:
        Unsupported: the model is a file without a module; ``why`` is the end of the message.
    """
    if network.module is None:
        raise Unsupported(f"it is a file with no PyTorch form, and {why}")
    return network.module


class Engine(ABC):
    """One way to execute a network. Instances live in worker processes only.

    Attributes:
        artifact: name of the file that `prepare` writes into the case's folder; engines that read the same file
            share the name, and the file is made once. Override `artifact_name` if it depends on the machine.
        inferences: batches that one call computes; a latency is a call's time divided by it.
        takes_strides: whether it reads inputs with the strides that the user gave; others get contiguous copies, made
            before anything is timed.
        half: the half precision that operators of the module computed in when it was prepared; empty where none did,
            None where that is not known.
        shared_folder: where processes that profile one network leave what takes long to make to each other; None for
            nowhere.
        threads: number of CPU threads that the engine may use.
        ramp_s: seconds of calls that a turn begins with, of a device whose clock rises only under load.
        target: the device that was asked for by name (``GPU`` of ``openvino@GPU``); empty where none was.
    """

    artifact: ClassVar[str]
    inferences: int = 1
    half: str | None = None
    ramp_s: float = 0.0
    shared_folder: Path | None = None
    takes_strides: ClassVar[bool] = False

    def __init__(self, threads: int, target: str = "") -> None:
        self.threads = threads
        self.target = target

    @classmethod
    def artifact_name(cls, threads: int) -> str:
        """Return the artifact's file name; it names the processor or the threads if the artifact depends on them."""
        del threads
        return cls.artifact

    @abstractmethod
    def why_unavailable(self) -> str | None:
        """Return a clause that says why this machine cannot run the engine, or None where it can."""

    @classmethod
    @abstractmethod
    def prepare(cls, network: Network, artifact: Path) -> dict[str, Any] | None:
        """Write the artifact of a network for its example inputs.

        Returns:
            Facts for the record, such as the ``accuracy`` after quantisation, or None.

        Raises:
            Unsupported: the engine cannot take the network; the message says what it lacks.
            Exception: whatever the engine's converter raises; its first line becomes the reason.
        """

    @abstractmethod
    def load(self, source: Source, artifact: Path) -> None:
        """Turn the artifact into a callable model: everything that a deployment does once."""

    @abstractmethod
    def set_inputs(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
        """Choose the arrays that the next calls read."""

    def held_inputs(self) -> tuple[np.ndarray[Any, Any], ...] | None:
        """Return what the inputs hold now, of an engine that keeps copies on a device; None: it reads the arrays."""
        return None

    @abstractmethod
    def call(self) -> Any:
        """Run the model once and wait for its outputs. This, and nothing else, is timed."""

    def time_call(self) -> int:
        """Call once and return the time in nanoseconds; an engine with its own clock overrides this."""
        started = time.perf_counter_ns()
        self.call()
        return time.perf_counter_ns() - started

    def time_on_device(self) -> int | None:
        """Call once and return the nanoseconds by the device's own clock; None where it has none."""
        return None

    def on_device(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> dict[str, float]:
        """Return what a record tells of a device beside latencies, by name; nothing more is timed after this."""
        del inputs
        return {}

    def card(self) -> dict[str, Any]:
        """Return what of a device must be equal before two runs are compared; empty for the processor."""
        return {}

    def devices(self) -> tuple[dict[str, Any], ...]:
        """Return, before anything is loaded, what it tells of each device beside the processor that it may use."""
        return ()

    def watch(self) -> Callable[[], State | None] | None:
        """Return what reads the state of its device beside a turn; None where nothing does."""
        return None

    @abstractmethod
    def outputs(self) -> list[np.ndarray[Any, Any]]:
        """Run the model once and return its outputs, flattened, as copies."""

    def output_names(self) -> list[str]:
        """Return what the outputs are called, in their order; empty where they have no names."""
        return []

    def state(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return copies of what calls may change in the model, by name."""
        return {}

    def graph(self) -> dict[str, Any] | None:
        """Return ``{"hash": ..., "kernels": {name: count}}`` if the engine reports its kernels, else None."""
        return None

    def profiler(self, program: Any) -> Profiler:
        """Return what times each step of the engine, on the inputs that it has.

        Args:
            program: the ``torch.export.ExportedProgram`` that it was prepared from; None where there is none.

        Raises:
            MeasurementError: the engine does not tell, or not of this model.
        """
        raise MeasurementError("this engine does not report the time of each layer")

    def reproduction(self) -> Reproduction | None:
        """Return how its model is handed to somebody who has this engine and numpy alone; None where that cannot be."""
        return None

    def settings(self) -> dict[str, Any]:
        """Return the settings that differ from the engine's defaults, as a user would write them."""
        return {}

    @property
    @abstractmethod
    def precision(self) -> str:
        """Return the precision that the engine runs in, as the engine reports it: ``f32``, ``bf16``."""

    @property
    def rounded_to(self) -> str:
        """Return the half precision that outputs are rounded to, where it is below what the engine computes in."""
        return ""

    @property
    def device(self) -> str:
        """Return the device's short name."""
        return "CPU"
