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
        asked: whether it observes only where it is asked for by name.
    """

    name: str
    target: str
    asked: bool = False

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
        InstrumentEntry("layers", "layers:Layers"),
        InstrumentEntry("roof", "roof:Roof"),
        InstrumentEntry("reuse", "reuse:Reuse"),
        InstrumentEntry("zeros", "zeros:Zeros", asked=True),
        InstrumentEntry("callgrind", "callgrind:Callgrind", asked=True),
    ],
)
"""In the order in which they observe in a process: those that leave most behind come last. What they saw is summed up
in the reverse order, so that each knows what those after it have found."""


def usual_instruments(*more: str) -> tuple[str, ...]:
    """Return those that always observe, and those that are asked for by name, in the table's order."""
    return tuple(name for name in INSTRUMENTS.names() if not INSTRUMENTS.entry(name).asked or name in more)
