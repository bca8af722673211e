"""Observe a measured case by instruments, unless other work disturbs the machine."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.measure.both_sides import BothSides
from pytest_formfunc.measure.instruments import INSTRUMENTS, usual_instruments
from pytest_formfunc.measure.instruments.roof import PRODUCT
from pytest_formfunc.measure.launch import PreparedSide
from pytest_formfunc.measure.observer import observe_case
from pytest_formfunc.measure.pace import Pace
from pytest_formfunc.measure.workers import WorkerServer
from pytest_formfunc.results import Results
from pytest_formfunc.run.advising import Advisor
from pytest_formfunc.run.stages import Ready
from pytest_formfunc.settings import Settings

_RANDOM = "the weights of its form are random here: zeros of these say nothing of a trained one"
_CONTENDED = "the case is contended, and so would this be: measure it again"


def observe(
    ready: Ready,
    results: Results,
    sides: BothSides,
    workers: WorkerServer,
    scratch: Path,
    say: Callable[[str], None],
    settings: Settings,
    pace: Pace,
) -> None:
    """Put what the instruments find among the observations of a case; of a contended one, what rests on no time.

    Args:
        ready: the case, measured.
        results: of this run, with the records of the case.
        sides: prepare what else has to be measured.
        workers: fork the workers.
        scratch: a folder for what launches leave to later ones.
        say: shows a short progress text.
        settings: of the run: whether to count under callgrind as well, and to try what may be faster.
        pace: says whether the machine is slow.
    """
    asked = {"callgrind": settings.callgrind, "zeros": settings.trained and ready.case.form.get("kind") == "model"}
    names = usual_instruments(*(name for name, wanted in asked.items() if wanted))
    if any(record.noise.contended for record in results.records.values() if record.case == ready.case.id):
        product, looked = None, tuple(name for name in names if INSTRUMENTS.entry(name).make().timeless)
    else:
        product = sides.beside("the product that an engine's peak is measured with", PRODUCT, ready.backends)
        looked = names
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        ready.measured.observe(ready.backends, product, workers, Path(folder), ready.case.seed, say, looked)
        if isinstance(ready.measured.there, PreparedSide) and "layers" in looked:
            folder_there = Path(folder) / "there"
            folder_there.mkdir()
            other = observe_case(
                ready.measured.there, None, [*ready.measured.observations], workers, folder_there, ready.case.seed, say,
                ["layers"],
            )  # fmt: skip
            for backend, found in other.items():
                ready.measured.observations[backend]["layers"]["there"] = found["layers"].get("layers", [])
    observations = ready.measured.observations
    for backend, found in observations.items():
        observations[backend] = {name: found.get(name, {"unavailable": _CONTENDED}) for name in names}
    if settings.trained and not asked["zeros"]:
        for found in observations.values():
            found["zeros"] = {"unavailable": _RANDOM}
    if settings.advise:
        advice: dict[str, dict[str, Any]]
        try:
            advice = Advisor(settings, workers, sides, scratch, pace, say).advise(ready)
        except MeasurementError as error:  # what was measured is not lost for it
            advice = {backend: {"unavailable": str(error)} for backend in observations}
        for backend, found in advice.items():
            observations[backend]["advice"] = found
