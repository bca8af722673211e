"""Prepare the forms of one workspace: find their artifacts on disk, or let a worker make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_formfunc.backends import LIBC, NATIVE, backend_entry
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.forms.sources import Source, Weighable
from pytest_formfunc.measure.artifacts import Prepared, find_prepared
from pytest_formfunc.measure.memory import check_memory
from pytest_formfunc.measure.reservations import Reservations
from pytest_formfunc.measure.workers import JobFailed, Worker, WorkerServer
from pytest_formfunc.measure.workspace import OWN, Workspace

_WEIGHING_LIMIT_S = 30.0  # a model that takes longer is prepared without knowing its size


@dataclass(frozen=True)
class Recipe:
    """What to prepare.

    Attributes:
        title: its name in sentences.
        source: the source of the network.
        backends: names of the backends that it will be measured on, native included.
        calibration: file of samples to quantise with, or an empty string.
        cache: a folder for its artifacts, where they are needed only once; empty for that of all artifacts.
    """

    title: str
    source: Source
    backends: Sequence[str]
    calibration: str = ""
    cache: str = ""


class Preparer:
    """Prepares one form after another in one worker, so that exporting warms up only once."""

    def __init__(
        self,
        workers: WorkerServer,
        workspace: Workspace,
        cache: Path,
        native: str,
        sides: int,
        began: float = 0.0,
        reservations: Reservations | None = None,
        spare: Path | None = None,
    ) -> None:
        """Take what preparing depends on.

        Args:
            workers: starts the worker.
            workspace: whose code builds the forms.
            cache: folder of all artifacts.
            native: name of the engine that is measured as native.
            sides: number of sides that hold a model's weights at the same time.
            began: when this run began, as ``time.time`` has it.
            reservations: shares memory with other processes that prepare; None where there are none.
            spare: a folder of this run, for artifacts if the cache cannot be written to.
        """
        self._spare = str(spare or "")
        self._reservations = reservations
        self._workers = workers
        self._workspace = workspace
        self._cache = str(cache)
        self._native = native
        self._sides = sides
        self._began = began
        self._worker: Worker | None = None

    def prepare(self, recipe: Recipe) -> Prepared:
        """Return a form's artifacts, and make those that are missing.

        Raises:
            MeasurementError: native cannot take the model, it does not fit into memory, or building it fails.
        """
        engines = {name: self._native if name == NATIVE else name for name in recipe.backends}
        prepared = None
        if self._workspace == OWN:  # only its own code can say what another revision's artifacts depend on
            prepared = find_prepared(
                recipe.source, engines, recipe.cache or self._cache, self._workers.threads, recipe.calibration
            )
        if isinstance(recipe.source, Weighable):
            # The workers of all participants are alive together, and some take part twice (`line_up`).
            twice = sum(backend_entry(engine).memory == LIBC for engine in engines.values())
            copies = (len(engines) + twice) * self._sides
            weight = self._weigh(recipe.source, known=prepared is not None)
            check_memory(recipe.title, weight, copies)
            if prepared is None and self._reservations is not None:
                with self._reservations.reserve((weight or 0) * len(engines)):  # the module, and a copy for each engine
                    return self._ask(recipe, engines)
        return prepared or self._ask(recipe, engines)

    def stop(self) -> None:
        """End the worker; it may be called repeatedly, and a later `prepare` starts another worker."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def _ask(self, recipe: Recipe, engines: dict[str, str]) -> Prepared:
        what = f"preparing {recipe.title}"
        request = {
            "source": recipe.source, "engines": engines, "cache": recipe.cache or self._cache,
            "calibration": recipe.calibration, "began": self._began, "spare": self._spare,
        }  # fmt: skip
        try:
            if self._worker is None:
                self._worker = self._workers.worker(self._workers.job("prepare", self._workspace, **request), what)
            else:
                self._worker.send(request, what)
            each_converts = max(1, len(engines) - 1)
            prepared: Prepared = self._worker.receive(self._workers.timeout_s * each_converts)
        except JobFailed as error:  # whose case it is, is said wherever the reason is
            raise JobFailed(error.reason, error.details) from None
        except MeasurementError:
            self.stop()  # it died or does not answer; the next form gets a new worker
            raise
        return prepared

    def _weigh(self, source: Weighable, *, known: bool) -> int | None:
        """Return the bytes of a model's weights, or None if unknown.

        A separate process determines them if the source does not store them and the artifacts are not ``known``.
        """
        stored = source.stored_bytes()
        if stored is not None or known:
            return stored
        job = self._workers.job("weigh", self._workspace, source=source)
        try:
            with self._workers.worker(job, "weighing the model") as worker:
                weight: int | None = worker.receive(min(self._workers.timeout_s, _WEIGHING_LIMIT_S))
        except MeasurementError:
            return None  # a fault of the model is reported when it is built
        return weight
