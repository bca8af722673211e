"""The job of a worker that hands a model on: write it, draw inputs, and check that it runs as the original does."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_formfunc.backends import backend_entry
from pytest_formfunc.errors import MeasurementError, Unsupported
from pytest_formfunc.measure.artifacts import META
from pytest_formfunc.measure.input_facts import inputs_like
from pytest_formfunc.measure.integrity import read_facts

if TYPE_CHECKING:
    from pytest_formfunc.backends.reproduction import Reproduction
    from pytest_formfunc.measure.protocol import Job, Line

SEED = 0  # of the inputs that the script draws
_SAME = 1e-4  # of the largest output: a model that was only written anew computes the same, up to rounding


def share(connection: Line, job: Job) -> None:
    """Answer with what the archive says of the model that this wrote into a folder.

    ``{"inputs", "graph", "versions"}``; ``graph`` is that of the written model, and None where the engine has none.
    The payload has the ``engine``, its ``artifact``, the folder ``into``, a function that
    returns a name without what may not be said (``mask``), and whether weights are to be ``redrawn``.

    Raises:
        Unsupported: the engine's model does not stand alone.
        MeasurementError: the written model is not the original, or gives outputs that are not finite.
    """
    from pytest_formfunc.backends.redrawing import redraw
    from pytest_formfunc.backends.reproduction import draw

    payload = job.payload
    artifact, into, redrawn = Path(payload["artifact"]), Path(payload["into"]), bool(payload["redrawn"])
    entry = backend_entry(payload["engine"])
    form = entry.make(job.threads).reproduction()
    if form is None:
        raise Unsupported("its model does not run without PyTorch")
    form.write(artifact, into, payload["mask"], redraw if redrawn else None)
    facts = read_facts(artifact.parent / META)
    if facts is None:
        raise MeasurementError("what is known of its inputs was changed in the cache: measure it again")
    inputs = inputs_like(facts["input_shapes"], facts.get("inputs", ()), form.types(into / form.model))
    generator = np.random.default_rng(SEED)
    arrays = tuple(draw(one, generator) for one in inputs)

    def run(path: Path) -> tuple[list[Any], dict[str, Any] | None]:
        engine = entry.make(job.threads)
        engine.load(None, path)  # type: ignore[arg-type] # an engine that stands alone needs no source
        engine.set_inputs(arrays)
        return engine.outputs(), engine.graph()

    outputs, graph = run(into / form.model)
    wanted, of_original = run(artifact)
    _check(outputs, wanted, redrawn=redrawn)
    if graph is not None and of_original is not None and graph["kernels"] != of_original["kernels"]:
        advice = ": share the model as it is, by --with-weights" if redrawn else ""
        raise MeasurementError(f"the engine runs other kernels for the written model than for the original{advice}")
    connection.send({"inputs": inputs, "graph": graph, "versions": _versions(form)})


def _check(outputs: list[Any], wanted: list[Any], *, redrawn: bool) -> None:
    """Compare outputs of the written model with those of the original, on the same inputs.

    Raises:
        MeasurementError: they have other shapes, are not finite where the original's are, or differ.
    """
    if [one.shape for one in outputs] != [one.shape for one in wanted]:
        raise MeasurementError("the model that was written has outputs of other shapes than the original")
    for one, original in zip(outputs, wanted, strict=True):
        if not np.isfinite(one).all() and np.isfinite(original).all():
            raise MeasurementError(
                "with random weights its outputs are not finite: share the model as it is, by --with-weights"
            )
        size = float(np.abs(original).max(initial=0.0)) if np.isfinite(original).all() else np.inf
        if not redrawn and not np.allclose(one, original, rtol=_SAME, atol=_SAME * size, equal_nan=True):
            raise MeasurementError("the model that was written computes something else than the original")


def _versions(form: Reproduction) -> dict[str, str]:
    versions = {"numpy": np.__version__}
    for name in (form.library, f"{form.library}-gpu"):
        try:
            versions[form.library] = importlib.metadata.version(name)
            break
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
