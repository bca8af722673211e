"""What is observed beside timing, in launches of its own. An instrument is one file here and one line of the table."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_formfunc.registry import Table

if TYPE_CHECKING:
    from pytest_formfunc.measure.instruments.base import Instrument


@dataclass(frozen=True)
class InstrumentEntry:
    """An instrument.

    Attributes:
        name: its key under ``observations`` of a record.
        target: ``module:ClassName``, the module relative to this package.
    """

    name: str
    target: str

    def make(self) -> Instrument:
        """Import its file and return it."""
        module, _, attribute = self.target.partition(":")
        made: Instrument = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)()
        return made


INSTRUMENTS = Table(
    "instrument",
    [
        InstrumentEntry("cache", "cold_cache:ColdCache"),
        InstrumentEntry("counters", "counters:Counters"),
        InstrumentEntry("roof", "roof:Roof"),
        InstrumentEntry("reuse", "reuse:Reuse"),
    ],
)
"""In the order in which they observe in a process: those that leave most behind come last. What they saw is summed up
in the reverse order, so that each knows what those after it have found."""
