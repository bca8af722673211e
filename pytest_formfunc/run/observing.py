"""Observe a measured case by instruments, unless other work disturbs the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pytest_formfunc.measure.both_sides import BothSides
from pytest_formfunc.measure.instruments import INSTRUMENTS
from pytest_formfunc.measure.instruments.roof import PRODUCT
from pytest_formfunc.measure.workers import WorkerServer
from pytest_formfunc.records import Record
from pytest_formfunc.run.stages import Ready

_CONTENDED = "the case is contended, and so would this be: measure it again"


def observe(
    ready: Ready, records: Iterable[Record], sides: BothSides, workers: WorkerServer, say: Callable[[str], None]
) -> None:
    """Put what the instruments find among the observations of a case; of a contended one, that nothing was observed.

    Args:
        ready: the case, measured.
        records: of this run, as far as there are any.
        sides: prepare what else has to be measured.
        workers: fork the workers.
        say: shows a short progress text.
    """
    if any(record.noise.contended for record in records if record.case == ready.case.id):
        unavailable = {name: {"unavailable": _CONTENDED} for name in INSTRUMENTS.names()}
        ready.measured.observations.update(dict.fromkeys(ready.backends, unavailable))
        return
    product = sides.beside("the product that an engine's peak is measured with", PRODUCT, ready.backends)
    ready.measured.observe(ready.backends, product, workers, ready.case.seed, say)
