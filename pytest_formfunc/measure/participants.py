"""Identify who takes part in a measurement: a backend on one side, this run's or the other revision's."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from pytest_formfunc.backends import NATIVE


class Side(enum.Enum):
    """A side of a comparison: ``HERE`` is this run's code, ``THERE`` the other revision's."""

    HERE = "here"
    THERE = "there"


@dataclass(frozen=True)
class Participant:
    """A backend on one side.

    Attributes:
        backend: name of the backend.
        side: whose code it runs.
        keeps: whether its process is made to keep the memory that it frees, which by default it is not.

    >>> str(Participant("openvino")), str(Participant("openvino").counterpart), str(Participant("native").kept)
    ('openvino', 'openvino (other side)', 'native with memory kept')
    """

    backend: str
    side: Side = Side.HERE
    keeps: bool = False

    def __str__(self) -> str:
        """Return the name that sentences use."""
        name = f"{self.backend} with memory kept" if self.keeps else self.backend
        return name if self.here else f"{name} (other side)"

    @property
    def here(self) -> bool:
        """Return whether this participant is on this run's own side."""
        return self.side is Side.HERE

    @property
    def is_native(self) -> bool:
        """Return whether this is the native backend, which its side's speedups are relative to."""
        return self.backend == NATIVE

    @property
    def native(self) -> Participant:
        """Return the native participant of the same side, with memory managed as by default."""
        return Participant(NATIVE, self.side)

    @property
    def kept(self) -> Participant:
        """Return the same backend on the same side in a process that keeps its memory."""
        return replace(self, keeps=True)

    @property
    def counterpart(self) -> Participant:
        """Return the same backend on the other side."""
        return replace(self, side=Side.THERE if self.here else Side.HERE)

    @property
    def file_stem(self) -> str:
        """Return the start of the participant's file names, which no other participant of the case has."""
        return f"{self.backend}-{self.side.value}{'-kept' * self.keeps}"
