"""Prepare a form's artifacts once, and keep them on disk by content.

The key of a case's folder is a digest of everything that shapes the artifacts: for the bundled patterns the
source code of ``forms/``, name, sizes, seed and versions; for a user's module the exported program and
its weights. A folder appears under its key in one rename, complete or not at all.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_formfunc.backends import backend_entry, distributions
from pytest_formfunc.backends.base import Network
from pytest_formfunc.errors import MeasurementError

_META = "case.json"
_LAYOUT = "3"  # raise when the folder's layout changes


@dataclass(frozen=True)
class Prepared:
    """A case's artifacts on disk.

    Attributes:
        folder: where they are.
        artifacts: file name of each backend's artifact.
        cost: macs, params, weight_bytes, activation_bytes.
        input_shapes: one shape an input.
        program: what the network computes; see `describe_program`.
        converted: artifacts that this call had to make.
        seconds: what preparing took.
    """

    folder: str
    artifacts: dict[str, str]
    cost: dict[str, int]
    input_shapes: list[list[int]]
    program: dict[str, Any]
    converted: tuple[str, ...]
    seconds: float


def prepare_in_worker(threads: int, *, source: Any, backends: tuple[str, ...], cache: str) -> Prepared:
    """Make what is missing of a source's artifacts. Runs in a worker: it imports torch.

    Raises:
        Exception: whatever building or exporting the user's model raises.
    """
    import torch

    torch.set_num_threads(threads)
    started = time.perf_counter()
    network = None
    known = source.content()
    if known is None:
        network = Network(*source.build())
        _try_once(network)
        known = _content_of(network)
    engines = {name: backend_entry(name).engine_class() for name in backends}
    wanted = {engine.artifact: engine for engine in engines.values()}
    folder = Path(cache) / cache_key(known, source.describe())
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing or not (folder / _META).is_file():
        if network is None:
            network = Network(*source.build())
        _write(folder, network, wanted)  # all of them, so that they hold the same weights
    artifacts = {name: engine.artifact for name, engine in engines.items()}
    return _read(folder, artifacts, tuple(missing), time.perf_counter() - started)


def _try_once(network: Network) -> None:
    """Run the user's model as it stands: what it raises is said in its own words, not in the exporter's."""
    import torch

    with torch.inference_mode():
        try:
            network.module(*network.inputs)
        except Exception as error:  # the user's code may raise anything
            raise MeasurementError(f"the model raises {_one_line(error)}") from error


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def find_prepared(source: Any, backends: tuple[str, ...], cache: str) -> Prepared | None:
    """Return a case's artifacts if all are there and its content is known without building it. Needs no torch."""
    known = source.content()
    if known is None:
        return None
    artifacts = {name: backend_entry(name).engine_class().artifact for name in backends}
    folder = Path(cache) / cache_key(known, source.describe())
    if not all((folder / name).is_file() for name in (*artifacts.values(), _META)):
        return None
    return _read(folder, artifacts, (), 0.0)


def _read(folder: Path, artifacts: dict[str, str], converted: tuple[str, ...], seconds: float) -> Prepared:
    meta = json.loads((folder / _META).read_text(encoding="utf-8"))
    return Prepared(str(folder), artifacts, meta["cost"], meta["input_shapes"], meta["program"], converted, seconds)


def cache_key(content: str, description: str) -> str:
    """Return the folder's name: readable start, then a digest of content and versions."""
    digest = hashlib.sha256(f"{_LAYOUT}|{content}|{_versions()}".encode()).hexdigest()[:20]
    readable = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in description)[:60]
    return f"{readable}-{digest}"


@functools.cache
def _versions() -> str:
    versions = {}
    for name in (*distributions(), "pytest-formfunc"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return json.dumps(versions, sort_keys=True)


def _content_of(network: Network) -> str:
    """Digest a module by the program that it exports to and by its weights."""
    import torch

    digest = hashlib.sha256()
    try:
        program = network.program
    except Exception as error:  # the exporter raises many kinds
        raise MeasurementError(f"torch.export cannot export the model: {_one_line(error)}") from error
    digest.update(program.graph_module.print_readable(print_output=False).encode())
    for name, tensor in sorted({**program.state_dict, **program.constants}.items()):
        digest.update(name.encode())
        if isinstance(tensor, torch.Tensor):
            flat = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
            digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
            digest.update(flat.numpy().data)
    for tensor in network.inputs:
        digest.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _describe(network: Network) -> dict[str, Any]:
    """Describe the program; an engine that can do without an exported one is not held up by a failing exporter."""
    from pytest_formfunc.function.program import describe_program

    try:
        return describe_program(network.program)
    except Exception:  # noqa: BLE001 - the exporter raises many kinds; who needs the program says so
        return {"digest": "", "operators": {}}


def _write(folder: Path, network: Network, engines: dict[str, Any]) -> None:
    from pytest_formfunc.function.cost import count_cost

    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    try:
        for name, engine in engines.items():
            engine.prepare(network, scratch / name)
        cost = count_cost(network.module, network.inputs)
        meta = {
            "cost": {
                "macs": cost.macs,
                "params": cost.params,
                "weight_bytes": cost.weight_bytes,
                "activation_bytes": cost.activation_bytes,
            },
            "input_shapes": [list(tensor.shape) for tensor in network.inputs],
            "program": _describe(network),
        }
        (scratch / _META).write_text(json.dumps(meta), encoding="utf-8")
        folder.mkdir(exist_ok=True)
        # The artifacts' parts first, the file that says "complete" last.
        for file in sorted(scratch.iterdir(), key=lambda path: (path.name == _META, path.suffix == ".xml")):
            os.replace(file, folder / file.name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
