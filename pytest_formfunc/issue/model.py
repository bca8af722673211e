"""The model of a bug report: the artifact that was measured, or made again, written for others by a worker."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_formfunc import extensions
from pytest_formfunc.backends import NATIVE, backend_entry
from pytest_formfunc.backends.reproduction import Mask, Reproduction
from pytest_formfunc.cases import Case, architecture_case, model_case, pattern_case
from pytest_formfunc.errors import BadInput, MeasurementError
from pytest_formfunc.forms.architectures import ARCHITECTURES
from pytest_formfunc.forms.input_specs import parse_calls
from pytest_formfunc.forms.patterns import PATTERNS
from pytest_formfunc.forms.users import parse_model
from pytest_formfunc.issue.chosen import Chosen
from pytest_formfunc.measure.integrity import is_whole
from pytest_formfunc.measure.preparation import Preparer, Recipe
from pytest_formfunc.measure.workers import WorkerServer
from pytest_formfunc.measure.workspace import OWN, Workspace
from pytest_formfunc.records import Record

TIMEOUT_S = 600.0  # to convert a model, and to write it


@dataclass(frozen=True)
class Shared:
    """A model that was written for others.

    Attributes:
        form: how the engine hands it on; None where it cannot.
        why_none: a sentence that says why there is no model; empty where there is one.
        redrawn: whether its weights were drawn anew.
        own: whether the network is the user's, and not one that this package makes from a seed.
        again: whether it was converted again, because the file that was measured is not there.
        inputs: what the script draws inputs by.
        graph: the graph of the written model, as the engine reports it.
        versions: of the libraries that wrote it.
    """

    form: Reproduction | None
    why_none: str = ""
    redrawn: bool = False
    own: bool = False
    again: bool = False
    inputs: list[dict[str, Any]] = field(default_factory=list)
    graph: dict[str, Any] | None = None
    versions: dict[str, str] = field(default_factory=dict)


def form_of(record: Record) -> Reproduction | None:
    """Return how the engine of a row hands its model on, or None where its model does not run without PyTorch.

    Raises:
        BadInput: the engine is unknown here, or not installed.
    """
    engine = engine_of(record)
    _know_added(record, engine)
    if (missing := backend_entry(engine).why_not_installed()) is not None:
        raise BadInput(f"the model cannot be written here: {missing}")
    return backend_entry(engine).make(record.threads).reproduction()


def engine_of(record: Record) -> str:
    """Return the name of the engine that executed a row."""
    return record.native_engine if record.native else record.backend


def share_model(
    chosen: Chosen, form: Reproduction | None, into: Path, cache: Path, scratch: Path, mask: Mask, *, with_weights: bool
) -> Shared:
    """Write the model of a row into a folder, its weights drawn anew where they are a user's.

    Args:
        chosen: the row.
        form: how its engine hands the model on.
        into: the folder.
        cache: folder of all artifacts.
        scratch: a folder of this process.
        mask: returns a name of the model without what may not be said.
        with_weights: whether a user's weights are shared.

    Raises:
        BadInput: the model is gone, or another one now.
        MeasurementError: it cannot be converted, or written so that it runs as the original does.
    """
    record = chosen.record
    engine = engine_of(record)
    own = not is_bundled(record.form)
    if form is None:
        return Shared(None, f"There is no model here, because {engine} has no file that runs without PyTorch.", own=own)
    workers = WorkerServer(TIMEOUT_S, record.threads, size=1, mark=str(scratch))
    try:
        measured = find_artifact(record, cache)
        artifact = measured or _make_again(chosen, engine, cache, scratch, workers, with_weights=with_weights)
        redrawn = own and not with_weights
        job = workers.job("share", engine=engine, artifact=str(artifact), into=str(into), mask=mask, redrawn=redrawn)
        with workers.worker(job, f"sharing {record.title}") as worker:
            answer: dict[str, Any] = worker.receive()
    finally:
        workers.close()
    return Shared(form, redrawn=redrawn, own=own, again=measured is None, **answer)


def is_bundled(form: dict[str, Any]) -> bool:
    """Return whether this package makes a form from a seed, so that its weights are nobody's."""
    tables: dict[str, tuple[Any, ...]] = {"pattern": PATTERNS, "architecture": ARCHITECTURES}
    return any(form.get("name") == entry.name for entry in tables.get(str(form.get("kind")), ()))


def find_artifact(record: Record, cache: Path) -> Path | None:
    """Return the file that was measured, or None if it is not in the cache as it was written."""
    folder, file = record.artifact.get("folder", ""), record.artifact.get("file", "")
    # A run may come from anybody: it names a file of the cache, and none elsewhere.
    if not folder or not file or any(Path(name).name != name or name == ".." for name in (folder, file)):
        return None
    if is_bundled(record.form) and not _is_of(record, folder):
        return None
    return cache / folder / file if is_whole(cache / folder, file) else None


def _is_of(record: Record, folder: str) -> bool:
    """Return whether a folder has the name of a form of this package: what else lies there is not shared as one."""
    case = case_of(record)
    return case is not None and re.fullmatch(rf"{re.escape(case.source.describe())}-[0-9a-f]+", folder) is not None


def _make_again(
    chosen: Chosen, engine: str, cache: Path, scratch: Path, workers: WorkerServer, *, with_weights: bool
) -> Path:
    """Convert a model that has a name once more, as a run does.

    Raises:
        BadInput: it has none, or it is not the one that was measured.
        MeasurementError: it cannot be converted.
    """
    record = chosen.record
    case = case_of(record)
    if case is None:
        raise BadInput(f"the model of {record.case} is gone: it is not in {cache}; {_measure_again(chosen)}")
    # A module of the user's is found in the working directory, as by ``python -m pytest``.
    workspace = OWN if is_bundled(record.form) else Workspace(sys_path=(os.getcwd(), *sys.path))
    preparer = Preparer(workers, workspace, cache, record.native_engine, 1, spare=scratch)
    try:
        prepared = preparer.prepare(Recipe(case.id, case.source, list(dict.fromkeys([NATIVE, record.backend]))))
    except MeasurementError as error:
        raise MeasurementError(f"the model of {record.case} cannot be converted again: {error}") from None
    finally:
        preparer.stop()
    if record.backend in prepared.refused:
        raise MeasurementError(
            f"the model of {record.case} cannot be converted for {engine}: {prepared.refused[record.backend]}"
        )
    known = record.artifact.get("folder", "")
    if with_weights and not is_bundled(record.form) and Path(prepared.folder).name != known:
        raise BadInput(
            f"{record.case} is not the model that was measured any more (its code, its weights or a version has "
            f"changed), so its weights are not shared; {_measure_again(chosen)}"
        )
    return Path(prepared.folder) / prepared.artifacts[record.backend]


def case_of(record: Record) -> Case | None:
    """Return the case of a pattern, an architecture or a model that has a name; None for a model of a test's own.

    Raises:
        BadInput: there is no such form or file any more.
    """
    form, seed = record.form, record.seed
    if form.get("kind") == "pattern":
        return pattern_case(str(form["name"]), int(form["depth"]), int(form["width"]), record.input_shape, seed)
    if form.get("kind") == "architecture":
        return architecture_case(str(form["name"]), record.input_shape, seed)
    name = str(form["name"])
    if record.case != name and not record.case.startswith(f"{name}-"):
        return None
    call = parse_calls(record.case[len(name) + 1 :])[0] if record.case != name else None
    try:
        return model_case(parse_model(name), call, seed)
    except BadInput as error:
        raise BadInput(f"the model of {record.case} is gone: {error}") from None


def _measure_again(chosen: Chosen) -> str:
    return f"measure it again: pytest {chosen.test!r}" if chosen.test else "measure it again"


def _know_added(record: Record, engine: str) -> None:
    """Make the names known that installed packages add, where the row has one that this package lacks.

    Raises:
        BadInput: no package has it.
    """
    with contextlib.suppress(BadInput):
        backend_entry(engine)
        if record.form.get("kind") == "model" or is_bundled(record.form):
            return
    extensions.use(extensions.gather(extensions.entry_point_offers()))
    try:
        backend_entry(engine)
    except BadInput:
        raise BadInput(f"backend {engine} is added by a conftest.py, which this command does not read") from None
