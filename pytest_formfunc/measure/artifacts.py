"""Prepare a form's artifacts once, and keep them on disk by content.

The key of a case's folder is a digest of everything that the artifacts depend on: for the bundled patterns the source
code of ``forms/``, name, sizes, seed and versions; for a user's module the exported program and its weights; for added
forms and engines also their source code. Each file is made elsewhere and renamed into the folder, so that it is either
complete or absent; one that was changed since is made again.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import importlib.metadata
import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_formfunc.backends import NATIVE, backend_entry, distributions
from pytest_formfunc.backends.trial import for_a_trial
from pytest_formfunc.calibration import digest_samples, read_calibration
from pytest_formfunc.errors import FormfuncError, MeasurementError, is_out_of_memory, one_line, too_little_memory
from pytest_formfunc.measure.added_engines import code_of, sort_out
from pytest_formfunc.measure.cache_folder import is_full, unwritable, writable
from pytest_formfunc.measure.export_errors import explain_export
from pytest_formfunc.measure.input_facts import describe_inputs
from pytest_formfunc.measure.integrity import (
    FULL,
    alone_in,
    is_whole,
    read_facts,
    seal,
    with_digest,
)
from pytest_formfunc.measure.module_content import ModuleContent, content_of
from pytest_formfunc.measure.scratch import MAKING_PREFIX, OwnFolder

if TYPE_CHECKING:
    from pytest_formfunc.forms.built import Network

META = "case.json"
_FACTS = ".json"  # added to an artifact's name
_LAYOUT = "7"  # raise when the folder's layout changes


@dataclass(frozen=True)
class Prepared:
    """A case's artifacts on disk.

    Attributes:
        folder: the folder that holds them.
        engines: name of the engine that executes each backend; only for native may it differ from the backend's name.
        artifacts: file name of each backend's artifact.
        refused: why an engine cannot take the network, by backend; such a backend has no artifact.
        facts: what an engine reported about its artifact, by backend.
        cost: ``macs``, ``params``, ``weight_bytes`` and ``activation_bytes``.
        input_shapes: one shape for each input.
        program: what the network computes, as `describe_program` returns it.
        converted: names of the artifacts that this call had to make.
        half: the half precision that operators of the module compute in; empty where none do, None where that is not
            known.
        lost_in_export: RMS by which the exported program differs from the module where PyTorch runs both.
        differs: what differs from an earlier run's module of the same program, so that they had to be made; or nothing.
        seconds: seconds that preparing took.
        remade: names of the artifacts that were there and not as they had been written, so that they were made again.
        spare: why they are not in the cache but in a folder of this run; or nothing.
    """

    folder: str
    engines: dict[str, str]
    artifacts: dict[str, str]
    refused: dict[str, str]
    facts: dict[str, dict[str, Any]]
    cost: dict[str, int]
    input_shapes: list[list[int]]
    program: dict[str, Any]
    converted: tuple[str, ...]
    seconds: float
    half: str | None = None
    lost_in_export: float = 0.0
    differs: str = ""
    remade: tuple[str, ...] = ()
    spare: str = ""


def prepare_in_worker(
    threads: int,
    *,
    source: Any,
    engines: dict[str, str],
    cache: str,
    calibration: str = "",
    began: float = 0.0,
    spare: str = "",
) -> Prepared:
    """Make those of a source's artifacts that are missing. This runs in a worker, because it imports torch.

    Args:
        threads: number of threads that torch may use.
        source: the source of the network.
        engines: name of the engine that executes each backend.
        cache: folder of all artifacts.
        calibration: file of the user's samples for quantisation, or an empty string.
        began: when this run began, as ``time.time`` has it.
        spare: a folder of this run, for artifacts that the cache cannot take because nobody may write to it; empty for
            none.

    Raises:
        MeasurementError: native cannot take the model, an added form cannot be imported, or the disk is full.
        Exception: whatever building the user's model raises.
    """
    import torch

    torch.set_num_threads(threads)
    started = time.perf_counter()
    network = seen = None
    engines, unusable = sort_out(engines)
    known = source.content()
    if known is None:
        network = _build(source)
        seen = _content_of(network)
        known = seen.key
    known += code_of(engines) + digest_samples(calibration)
    wanted: dict[str, str] = {}
    for engine in engines.values():
        wanted.setdefault(_artifact_of(engine, threads), engine)
    key = cache_key(known, source.describe())
    folder = Path(cache) / key
    refused: dict[str, str] = {}
    missing: dict[str, str] = {}
    remade: list[str] = []
    why_spare = ""
    if not _is_all_there(folder, wanted):
        if network is None:
            network = _build(source)
        if calibration:
            read = functools.partial(read_calibration, Path(calibration), network.inputs)
            network = replace(network, calibration=read)
        folder, why_spare = writable(folder, Path(spare) / key if spare else None, wanted)
        with alone_in(folder):
            missing = {name: engine for name, engine in wanted.items() if not is_whole(folder, name)}
            remade = [name for name in missing if (folder / name).exists()]
            refused = _write(folder, network, missing)
    if (reason := refused.get(_artifact_of(engines[NATIVE], threads))) is not None:
        raise MeasurementError(reason if engines[NATIVE] == NATIVE else f"{engines[NATIVE]} cannot take it: {reason}")
    converted = tuple(name for name in missing if name not in refused)
    prepared = _read(folder, engines, threads, refused, converted, time.perf_counter() - started)
    differs = seen.compare_with_last(Path(cache), began) if seen is not None else ""
    return replace(
        prepared,
        refused=prepared.refused | unusable,
        differs=differs if converted else "",
        remade=tuple(remade),
        spare=why_spare,
    )


def _is_all_there(folder: Path, names: Iterable[str]) -> bool:
    """Return whether a case's artifacts, and what is known of its network, are there as they were written."""
    return read_facts(folder / META) is not None and all(is_whole(folder, name) for name in names)


def _artifact_of(engine: str, threads: int) -> str:
    return backend_entry(engine).engine_class().artifact_name(threads)


def _build(source: Any) -> Network:
    """Build a network and run a copy once, so that the user sees its own error rather than one of the exporter.

    It runs without ``inference_mode``, whose tensors, if the network keeps any, could be used in no other way.
    """
    import torch

    network: Network = source.build()
    if network.module is None:
        return network
    module, inputs = for_a_trial(network)
    with torch.no_grad():
        try:
            module(*inputs.args, **inputs.kwargs)
        except Exception as error:  # the user's code may raise anything
            raise MeasurementError(f"the model raises {one_line(error)}") from error
    return network


def find_prepared(
    source: Any, engines: dict[str, str], cache: str, threads: int, calibration: str = ""
) -> Prepared | None:
    """Return a case's artifacts for that many threads if all of them exist, or None. This does not import torch.

    It also returns None if the source's content is only known by building it, or if others added the form or an engine,
    because their modules are not imported in this process.
    """
    from pytest_formfunc.forms.sources import uses_added_code  # not at the top: another revision's forms may lack it

    if uses_added_code(source) or any(backend_entry(engine).added for engine in engines.values()):
        return None
    known = source.content()
    if known is None:
        return None
    folder = Path(cache) / cache_key(known + digest_samples(calibration), source.describe())
    if not _is_all_there(folder, {_artifact_of(engine, threads) for engine in engines.values()}):
        return None
    return _read(folder, engines, threads, {}, (), 0.0)


def _read(
    folder: Path,
    engines: dict[str, str],
    threads: int,
    refused: Mapping[str, str],
    converted: tuple[str, ...],
    seconds: float,
) -> Prepared:
    meta = read_facts(folder / META)
    if meta is None:
        raise MeasurementError(f"{folder / META} was changed while this run used it: remove that folder and try again")
    artifacts = {backend: _artifact_of(engine, threads) for backend, engine in engines.items()}
    facts = {
        backend: json.loads((folder / f"{name}{_FACTS}").read_text(encoding="utf-8"))
        for backend, name in artifacts.items()
        if (folder / f"{name}{_FACTS}").is_file()
    }
    return Prepared(
        folder=str(folder),
        engines=engines,
        artifacts={backend: name for backend, name in artifacts.items() if name not in refused},
        refused={backend: refused[name] for backend, name in artifacts.items() if name in refused},
        facts=facts,
        cost=meta["cost"],
        input_shapes=meta["input_shapes"],
        program=meta["program"],
        half=meta["half"],
        lost_in_export=meta["lost_in_export"],
        converted=converted,
        seconds=seconds,
    )


def cache_key(content: str, description: str) -> str:
    """Return the folder's name: a readable start, then a digest of content and versions."""
    digest = hashlib.sha256(f"{_LAYOUT}|{content}|{_versions(distributions())}".encode()).hexdigest()[:20]
    readable = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in description)[:60]
    return f"{readable}-{digest}"


@functools.cache
def _versions(engines: tuple[str, ...]) -> str:
    versions = {}
    for name in (*engines, "pytest-formfunc"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return json.dumps(versions, sort_keys=True)


def _content_of(network: Network) -> ModuleContent:
    """Return what the artifacts of a module depend on."""
    try:
        return content_of(network)
    except Exception as error:  # the exporter raises many kinds
        raise MeasurementError(f"torch.export cannot export the model: {explain_export(error)}") from error


def _describe(network: Network) -> dict[str, Any]:
    """Describe the program; if it cannot be exported, which some engines do not need, the description is empty."""
    import torch

    from pytest_formfunc.function.graph_cost import describe_graph
    from pytest_formfunc.function.program import describe_program, describe_script

    if network.module is None:
        return describe_graph(_graph_of(network))
    if isinstance(network.module, torch.jit.ScriptModule):
        return describe_script(network.module)
    try:
        return describe_program(network.program)
    except Exception:  # noqa: BLE001 - the exporter raises many kinds; an engine that needs it reports it
        return {"digest": "", "operators": {}}


def _weight_bytes(network: Network) -> int:
    """Return the bytes of a network's weights, or of its file."""
    if network.module is not None:
        return sum(tensor.nbytes for tensor in network.module.state_dict().values() if hasattr(tensor, "nbytes"))
    return network.file.stat().st_size if network.file is not None else 0


def _write(folder: Path, network: Network, missing: Mapping[str, str]) -> dict[str, str]:
    """Make artifacts, given the engine of each by file name; return the reason for each that could not be made."""
    refused: dict[str, str] = {}
    try:
        own = OwnFolder(MAKING_PREFIX, folder.parent)
    except OSError as error:
        raise MeasurementError(unwritable(folder, error)) from None
    scratch = own.path
    try:
        for name, engine in missing.items():
            part = scratch / f"part-{len(refused)}-{name}"
            part.mkdir()
            try:
                facts = backend_entry(engine).engine_class().prepare(network, part / name)
            except FormfuncError as error:
                refused[name] = str(error)
                shutil.rmtree(part)
                continue
            except Exception as error:  # noqa: BLE001 - converters raise many kinds
                if is_full(error, folder, _weight_bytes(network)):
                    raise OSError(errno.ENOSPC, "the disk is full") from None
                refused[name] = (
                    too_little_memory(one_line(error))
                    if is_out_of_memory(error)
                    else f"its converter fails: {explain_export(error)}"
                )
                shutil.rmtree(part)
                continue
            if facts:
                (part / f"{name}{_FACTS}").write_text(json.dumps(facts), encoding="utf-8")
            seal(part, name)
            # The artifact itself last, because its presence means that all its parts are there.
            for file in sorted(part.iterdir(), key=lambda path: path.name == name):
                os.replace(file, folder / file.name)
        if read_facts(folder / META) is None:
            from pytest_formfunc.backends.precision import half_of
            from pytest_formfunc.backends.trial import lost_in_export

            meta = {
                "cost": _cost_of(network),
                "input_shapes": [list(tensor.shape) for tensor in network.inputs.tensors],
                "inputs": describe_inputs(network.inputs.tensors),
                "program": _describe(network),
                "half": half_of(network) if network.module is not None else None,
                "lost_in_export": lost_in_export(network) if network.module is not None else 0.0,
            }
            (scratch / META).write_text(with_digest(meta), encoding="utf-8")
            os.replace(scratch / META, folder / META)
    except OSError as error:
        if error.errno not in FULL:  # the network's code may raise others
            raise
        raise MeasurementError(unwritable(folder, error)) from None
    finally:
        own.close()
    return refused


def _cost_of(network: Network) -> dict[str, int]:
    """Count what a call costs: of a module by running it, of a file by its graph.

    Raises:
        MeasurementError: OpenVINO, which reads graphs, is missing or cannot read this one.
    """
    import torch

    from pytest_formfunc.function.cost import count_activation_bytes, count_cost

    if network.module is None:
        from pytest_formfunc.function.graph_cost import count_graph_cost

        return asdict(count_graph_cost(_graph_of(network)))
    module, inputs = for_a_trial(network)
    cost = count_cost(module, inputs.args, inputs.kwargs)
    if isinstance(network.module, torch.fx.GraphModule):  # an exported program has no layers to watch
        cost = replace(cost, activation_bytes=count_activation_bytes(network.program))
    return asdict(cost)


def _graph_of(network: Network) -> Any:
    """Return a file's graph with fixed shapes.

    Raises:
        MeasurementError: OpenVINO is missing, or cannot read the file.
    """
    from pytest_formfunc.backends.openvino_files import read_for

    if (reason := backend_entry("openvino").why_not_installed()) is not None:
        raise MeasurementError(f"OpenVINO is needed to count what a model file costs: {reason}")
    assert network.file is not None
    return read_for(network.file, network.inputs)
