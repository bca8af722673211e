"""The times of what an engine executes as one step, which it reports itself; in processes that time nothing else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from pytest_formfunc.function.layers import Step


class Profiler(ABC):
    """A loaded engine that keeps the times of its steps. It reads the inputs that the engine was given.

    Attributes:
        source: where the times are from.
        resolution_s: what a time is cut to, in seconds; 0 where that is nanoseconds.
    """

    source: ClassVar[str]
    resolution_s: ClassVar[float] = 0.0

    @abstractmethod
    def call(self) -> Any:
        """Run the model once and keep the times."""

    @abstractmethod
    def steps(self) -> list[Step]:
        """Return the steps in the order of execution, with the operators of the exported program that they name."""

    @abstractmethod
    def times_s(self) -> Mapping[str, float]:
        """Return the seconds of each step of a call, by its name, over all calls so far; those that ran only."""
