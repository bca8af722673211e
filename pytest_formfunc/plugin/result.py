"""The result of a measurement, as a test gets it."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_formfunc.records import Record
from pytest_formfunc.records.parts import Latency, Parity
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
        """Return native latency / accelerated latency with its interval, or None for native itself."""
        return self.record.speedup

    @property
    def latency(self) -> Latency:
        """Return the statistics of the latency in seconds."""
        return self.record.latency_s

    @property
    def parity(self) -> Parity | None:
        """Return how closely the outputs match those of native, or None for native itself."""
        return self.record.parity
