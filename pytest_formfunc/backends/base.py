"""What every engine can do: say whether it is there, prepare once, load, run often."""

from __future__ import annotations

import functools
import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np

    from pytest_formfunc.forms.sources import Source


@dataclass(frozen=True)
class Network:
    """What engines prepare: a ``torch.nn.Module`` in evaluation mode with example inputs, exported at most once."""

    module: Any
    inputs: tuple[Any, ...]

    @functools.cached_property
    def program(self) -> Any:
        """Return its ``torch.export.ExportedProgram``; raises whatever the exporter raises."""
        import torch

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside the exporter, none of the user's
            return torch.export.export(self.module, self.inputs)


class Engine(ABC):
    """One way to execute a network. Instances live in worker processes only.

    Attributes:
        artifact: name of the file that `prepare` leaves in the case's folder; engines that read the
            same file share the name, and it is made once.
    """

    artifact: ClassVar[str]

    def __init__(self, threads: int) -> None:
        self.threads = threads

    @abstractmethod
    def why_unavailable(self) -> str | None:
        """Return one clause that says why this machine cannot run the engine, or None where it can."""

    @staticmethod
    @abstractmethod
    def prepare(network: Network, artifact: Path) -> None:
        """Write the artifact of a network for its example inputs."""

    @abstractmethod
    def load(self, source: Source, artifact: Path) -> None:
        """Turn the artifact into a callable model; everything that a deployment does once."""

    @abstractmethod
    def set_inputs(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
        """Choose the arrays that the next calls read."""

    @abstractmethod
    def call(self) -> Any:
        """Run the model once and wait for its outputs. This, and nothing else, is timed."""

    @abstractmethod
    def outputs(self) -> list[np.ndarray[Any, Any]]:
        """Run the model once and return its outputs, flattened, as arrays of their own."""

    def graph(self) -> dict[str, Any] | None:
        """Return ``{"hash": ..., "kernels": {name: count}}`` where the engine tells, else None."""
        return None

    @property
    @abstractmethod
    def precision(self) -> str:
        """Return the precision that the engine runs in, as it says itself: ``f32``, ``bf16``."""

    @property
    def device(self) -> str:
        """Return the device's short name."""
        return "CPU"
