"""The result of a measurement, as a test gets it."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_formfunc.records import Record
from pytest_formfunc.records.parts import Latency, Parity, ProcessRange
from pytest_formfunc.stats import Estimate


@dataclass(frozen=True)
class Result:
    """The outcome of one call of the ``formfunc`` fixture.

    Attributes:
        record: the record of the test's own backend.
        native: the record of native, measured in the same rounds, or None if there is none.
    """

    record: Record
    native: Record | None

    @property
    def speedup(self) -> Estimate | None:
        """Return native latency / accelerated latency with its interval, memory managed as by default on both sides.

        None for native itself, and where other work on the machine disturbed too much of it (`contended`).
        """
        return self.record.speedup

    @property
    def speedup_memory_kept(self) -> Estimate | None:
        """Return the speedup with memory kept on both sides: what the form gains, and what a floor is judged by.

        None where `speedup` is, and where processes cannot be made to keep their memory.
        """
        return self.record.speedup_memory_kept

    @property
    def process_range(self) -> ProcessRange | None:
        """Return the lowest and the highest speedup that single processes got by default, or None as for `speedup`."""
        return self.record.process_range

    @property
    def contended(self) -> bool:
        """Return whether other work on the machine disturbed so much that no speedup is claimed."""
        return self.record.noise.contended

    @property
    def latency(self) -> Latency:
        """Return the statistics of the latency in seconds."""
        return self.record.latency_s

    @property
    def parity(self) -> Parity | None:
        """Return how closely the outputs match those of native, or None for native itself."""
        return self.record.parity
