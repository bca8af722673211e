"""What an ONNX file says before any engine reads it: inputs, operator sets, where its weights are.

The few fields that matter are read from protobuf's wire format (https://protobuf.dev/programming-guides/encoding);
ONNX keeps its numbers for ever (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). So wrong usage is said before
anything is loaded, without another package, and a file of gigabytes is skimmed rather than read.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.known_inputs import KnownInput

NEWEST_OPSET = 28
"""Of the standard operators, as of onnx 1.23. An engine may read a newer one wrongly without saying so."""
_TYPES = {1: "f32", 2: "u8", 3: "i8", 6: "i32", 7: "i64", 9: "bool", 10: "f16", 11: "f64", 16: "bf16"}
_STANDARD = ("", "ai.onnx")


@dataclass
class OnnxFile:
    """What was found.

    Attributes:
        inputs: those that a caller gives, in order.
        opset: version of the standard operators.
        external: files that hold weights, beside the model.
    """

    inputs: list[KnownInput] = field(default_factory=list)
    opset: int = 0
    external: list[Path] = field(default_factory=list)


def read_onnx(path: Path) -> OnnxFile:
    """Skim an ONNX file.

    Raises:
        BadInput: it can't be read, is no ONNX model, is too new, has an input that is no tensor, or lacks a file of
            weights that belongs to it.
    """
    try:
        with open(path, "rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # lives as long as what points into it
        found = _read_model(memoryview(content), path)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, IndexError, UnicodeDecodeError, TypeError):
        raise BadInput(f"{path} is no ONNX model, whatever its ending says") from None
    if found.opset > NEWEST_OPSET:
        raise BadInput(
            f"{path} uses version {found.opset} of ONNX's operators, newer than any known here ({NEWEST_OPSET}): "
            "export it for an older one (opset_version=)"
        )
    for other in found.external:
        if not other.is_file():
            raise BadInput(f"{path} keeps weights in {other.name}, which is not in its folder")
    return found


def _read_model(content: memoryview, path: Path) -> OnnxFile:
    found = OnnxFile()
    graph: memoryview | None = None
    external: dict[str, None] = {}
    for number, value in _fields(content):
        if number == 7:
            graph = _bytes(value)
        elif number == 8:
            parts = dict(_fields(_bytes(value)))
            if _text(parts.get(1, memoryview(b""))) in _STANDARD:
                found.opset = _int(parts.get(2, 0))
    if graph is None or not found.opset:
        raise ValueError("no graph, or no operator set")
    initializers = set()
    inputs = []
    for number, value in _fields(graph):
        if number == 11:
            inputs.append(_bytes(value))
        elif number == 5:
            initializers.add(_tensor_name(_bytes(value)))
    _find_external(graph, external)
    found.external = [path.parent / name for name in external]
    for one in inputs:
        known = _read_input(one, path)
        if known.name not in initializers:  # old files list their weights among the inputs
            found.inputs.append(known)
    return found


def _find_external(graph: memoryview, found: dict[str, None]) -> None:
    """Note the files of every tensor that is kept elsewhere, in subgraphs too."""
    for number, value in _fields(graph):
        if number == 5:
            _note_external(_bytes(value), found)
        elif number == 1:
            for part, attribute in _fields(_bytes(value)):
                if part != 5:
                    continue
                for kind, inner in _fields(_bytes(attribute)):
                    if kind in (5, 10):
                        _note_external(_bytes(inner), found)
                    elif kind in (6, 11):
                        _find_external(_bytes(inner), found)


def _note_external(tensor: memoryview, found: dict[str, None]) -> None:
    entries = {}
    elsewhere = False
    for number, value in _fields(tensor):
        if number == 13:
            pair = dict(_fields(_bytes(value)))
            entries[_text(pair[1])] = _text(pair[2])
        elif number == 14:
            elsewhere = value == 1
    if elsewhere and "location" in entries:
        found[entries["location"]] = None


def _tensor_name(tensor: memoryview) -> str:
    return next((_text(value) for number, value in _fields(tensor) if number == 8), "")


def _read_input(content: memoryview, path: Path) -> KnownInput:
    parts = dict(_fields(content))
    name = _text(parts[1])
    kind = dict(_fields(_bytes(parts[2])))
    if 1 not in kind:
        raise BadInput(f"{path} has an input, {name}, that is no tensor")
    tensor = dict(_fields(_bytes(kind[1])))
    number = _int(tensor.get(1, 0))
    if number not in _TYPES:
        raise BadInput(f"{path} has an input, {name}, of a type that no tensor is made of here (ONNX's {number})")
    if 2 not in tensor:
        return KnownInput(name, None, _TYPES[number])
    axes: list[int | str] = []
    for _, dimension in _fields(_bytes(tensor[2])):
        size = dict(_fields(_bytes(dimension)))
        axes.append(_int(size[1]) if size.get(1) else _text(size[2]) if size.get(2) else f"{name}.{len(axes)}")
    return KnownInput(name, tuple(axes), _TYPES[number])


def _fields(content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield each field's number and value of a message; numbers of fixed width are skipped.

    Raises:
        ValueError: this is no message.
    """
    place, end = 0, len(content)
    while place < end:
        key, place = _varint(content, place)
        number, kind = key >> 3, key & 7
        if not number:
            raise ValueError("field 0")
        if kind == 0:
            value, place = _varint(content, place)
            yield number, value
        elif kind == 2:
            length, place = _varint(content, place)
            if place + length > end:
                raise ValueError("a field beyond the end")
            yield number, content[place : place + length]
            place += length
        elif kind in (1, 5):
            place += 8 if kind == 1 else 4
        else:
            raise ValueError("no such wire type")


def _varint(content: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[place]
        value |= (byte & 127) << shift
        place += 1
        if byte < 128:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number of too many bytes")


def _bytes(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message belongs")
    return value


def _int(value: int | memoryview) -> int:
    if not isinstance(value, int):
        raise ValueError("a message where a number belongs")
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_bytes(value)).decode()
