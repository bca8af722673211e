"""Read an OpenVINO IR's inputs and find its file of weights, without loading OpenVINO."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.known_inputs import KnownInput

_DIGITS = 19  # of a size, fewer
_TYPES = {"f32", "f16", "bf16", "i64", "i32", "u8", "f64", "i8"}


def weights_of(path: Path) -> Path:
    """Return the path of an IR's weights."""
    return path.with_suffix(".bin")


def read_ir(path: Path) -> list[KnownInput]:
    """Read the inputs of an IR, in order.

    Raises:
        BadInput: it cannot be read, is not an IR, lacks its weights, or has an input of an unsupported type.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    except (ElementTree.ParseError, ValueError, LookupError):
        root = None
    if root is None or root.tag != "net" or root.find("layers") is None:
        raise BadInput(f"{path} is not an OpenVINO model, despite its ending")
    if not weights_of(path).is_file():
        raise BadInput(f"{path} keeps its weights in {weights_of(path).name}, which is not in its folder")
    return [_read_input(layer, path) for layer in root.iter("layer") if layer.get("type") == "Parameter"]


def _read_input(layer: ElementTree.Element, path: Path) -> KnownInput:
    data, port = layer.find("data"), layer.find("output/port")
    name = layer.get("name", "")
    if port is not None and port.get("names"):
        name = sorted(port.get("names", "").split(","))[0]
    kind = data.get("element_type", "") if data is not None else ""
    kind = "bool" if kind == "boolean" else kind
    if data is None or (kind != "bool" and kind not in _TYPES):
        raise BadInput(f"{path} has an input, {name}, of an unsupported type ({kind or 'unknown'})")
    shape = data.get("shape", "...")
    if shape == "...":
        return KnownInput(name, None, kind)
    axes = [part.strip() for part in shape.split(",")] if shape.strip() else []
    sizes = [
        int(axis) if axis.isascii() and axis.isdigit() and len(axis) < _DIGITS else f"{name}.{place}"
        for place, axis in enumerate(axes)
    ]
    return KnownInput(name, tuple(sizes), kind)
