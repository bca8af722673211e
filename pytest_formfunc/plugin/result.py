"""What a test learns of its measurement."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_formfunc.records import Latency, Parity, Record
from pytest_formfunc.stats import Estimate


@dataclass(frozen=True)
class Result:
    """The outcome of one call of the ``formfunc`` fixture.

    Attributes:
        record: everything about the test's own backend.
        native: the same about native, measured in the same rounds.
    """

    record: Record
    native: Record | None

    @property
    def speedup(self) -> Estimate | None:
        """Return native latency / accelerated latency with its interval; None for native itself."""
        return self.record.speedup

    @property
    def latency(self) -> Latency:
        """Return the latency's statistics in seconds."""
        return self.record.latency_s

    @property
    def parity(self) -> Parity | None:
        """Return how closely the outputs match native's; None for native itself."""
        return self.record.parity
