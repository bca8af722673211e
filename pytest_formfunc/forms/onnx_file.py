"""Read an ONNX file's inputs, operator set and files of weights, before any engine loads it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.known_inputs import KnownInput
from pytest_formfunc.forms.zoos import check_installed
from pytest_formfunc.paths import is_file

# Keyed by the numbers of onnx.TensorProto.DataType.
_TYPES = {1: "f32", 2: "u8", 3: "i8", 6: "i32", 7: "i64", 9: "bool", 10: "f16", 11: "f64", 16: "bf16"}
_STANDARD = ("", "ai.onnx")
_CLASSICAL = "ai.onnx.ml"  # trees, support vector machines, scalers: no networks, and no engine here but one has them


@dataclass(frozen=True)
class OnnxFile:
    """What an ONNX file declares.

    Attributes:
        inputs: the inputs that a caller gives, in order.
        opset: version of the standard operators.
        external: separate files that hold weights.
        classical: names of its operators of ai.onnx.ml, without repeats.
    """

    inputs: tuple[KnownInput, ...]
    opset: int
    external: tuple[Path, ...]
    classical: tuple[str, ...] = ()


def read_onnx(path: Path) -> OnnxFile:
    """Read an ONNX file, without the weights that it keeps elsewhere.

    Raises:
        BadInput: the package ``onnx`` is missing; or the file cannot be read, is not an ONNX model, is too new, has
            an input that is not a tensor, or lacks one of its files of weights.
    """
    check_installed(("onnx",), "onnx", path.name)
    try:
        state = path.stat()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    found = _read(path, state.st_mtime_ns, state.st_size)
    for other in found.external:
        if not is_file(other):
            raise BadInput(f"{path} keeps weights in {other.name}, which is not in its folder")
    return found


@functools.lru_cache(maxsize=8)
def _read(path: Path, changed_ns: int, size: int) -> OnnxFile:
    """Read a file, only once while its time and size stay the same, because its weights may be large."""
    del changed_ns, size
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    except (DecodeError, UnicodeDecodeError):
        raise BadInput(f"{path} is not an ONNX model, despite its ending") from None
    opset = next((one.version for one in model.opset_import if one.domain in _STANDARD), 0)
    classical = tuple(dict.fromkeys(node.op_type for node in model.graph.node if node.domain == _CLASSICAL))
    if not model.HasField("graph") or not (opset or classical):
        raise BadInput(f"{path} is not an ONNX model, despite its ending")
    newest = onnx.defs.onnx_opset_version()
    if opset > newest:  # an engine might misread it without an error
        raise BadInput(
            f"{path} uses version {opset} of ONNX's operators, newer than any known here ({newest}): "
            "export it for an older one (opset_version=)"
        )
    weights = {tensor.name for tensor in model.graph.initializer}  # old files list weights among the inputs
    inputs = tuple(_describe_input(one, path) for one in model.graph.input if one.name not in weights)
    try:
        locations = dict.fromkeys(_locations(model.graph))
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise BadInput(f"{path} does not say where it keeps its weights ({error})") from None
    for name in locations:
        if not name or name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/"):
            raise BadInput(f"{path} keeps weights in {name!r}, outside of its own folder, and only that is read")
    external = dict.fromkeys(path.parent / name for name in locations)
    return OnnxFile(inputs, opset, tuple(external), classical)


def _locations(graph: Any) -> Iterator[str]:
    """Yield the file of every tensor that is kept elsewhere, in subgraphs too."""
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data

    tensors = list(graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            tensors += [attribute.t, *attribute.tensors]
            for inner in (attribute.g, *attribute.graphs):
                yield from _locations(inner)
    for tensor in tensors:
        if uses_external_data(tensor):
            yield ExternalDataInfo(tensor).location


def _describe_input(one: Any, path: Path) -> KnownInput:
    if not one.type.HasField("tensor_type"):
        raise BadInput(f"{path} has an input, {one.name}, that is not a tensor")
    tensor = one.type.tensor_type
    if tensor.elem_type not in _TYPES:
        raise BadInput(f"{path} has an input, {one.name}, of an unsupported type (ONNX's {tensor.elem_type})")
    kind = _TYPES[tensor.elem_type]
    if not tensor.HasField("shape"):
        return KnownInput(one.name, None, kind)
    axes = (axis.dim_value or axis.dim_param or f"{one.name}.{index}" for index, axis in enumerate(tensor.shape.dim))
    return KnownInput(one.name, tuple(axes), kind)
