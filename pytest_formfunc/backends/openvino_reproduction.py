"""OpenVINO's model for somebody who has OpenVINO and numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from pytest_formfunc.backends.redrawing import redraw_bytes
from pytest_formfunc.backends.reproduction import Arrays, Mask, Opened, Redraw

MODEL = "model.xml"
_NUMPY = {
    "f64": "float64", "f32": "float32", "f16": "float16", "bf16": "bfloat16", "i64": "int64", "i32": "int32",
    "i16": "int16", "i8": "int8", "u64": "uint64", "u32": "uint32", "u16": "uint16", "u8": "uint8", "boolean": "bool",
}  # fmt: skip
_KEPT = ("runtime_options",)  # of what a model says of itself, what changes how it is compiled
_NAMES = ("name", "names", "output_names")
_TEXT = "string"


def write_ir(artifact: Path, folder: Path, mask: Mask, redraw: Redraw | None) -> None:
    """Write a model and its weights: the graph as it is, without names of files and how it was converted.

    Only the bytes that constants of the graph read are written, at their places.

    Raises:
        OSError: a file cannot be read or written.
        ValueError: the model is damaged.
    """
    tree = ElementTree.parse(artifact)
    root = tree.getroot()
    root.set("name", "model")
    for part in root.iter():
        for name in _NAMES if part.tag in ("layer", "port") else ():
            if name in part.attrib:
                part.set(name, mask(part.attrib[name]))
        for info in part.findall("rt_info"):
            for one in list(info):
                of_the_model = part is root and one.tag not in _KEPT
                if of_the_model or str(one.get("name", "")).startswith("fused_names"):
                    info.remove(one)
    weights = artifact.with_suffix(".bin").read_bytes() if artifact.with_suffix(".bin").exists() else b""
    written = bytearray(len(weights))
    for (start, size), kind in _constants(root).items():
        content = weights[start : start + size]
        written[start : start + size] = content if redraw is None else _redrawn(content, kind, redraw)
    tree.write(folder / MODEL, encoding="unicode", xml_declaration=True)
    (folder / MODEL).with_suffix(".bin").write_bytes(bytes(written))


def _constants(root: ElementTree.Element) -> dict[tuple[int, int], str]:
    """Return the types of the constants, by where they start and how many bytes they have; bodies of loops too."""
    found: dict[tuple[int, int], str] = {}
    for layer in root.iter("layer"):
        data = layer.find("data")
        if layer.get("type") == "Const" and data is not None:
            found[int(data.get("offset", 0)), int(data.get("size", 0))] = str(data.get("element_type"))
    return found


def _redrawn(content: bytes, kind: str, redraw: Redraw) -> bytes:
    if kind == _TEXT:
        return content
    if kind == "bf16":
        wide = (np.frombuffer(content, np.uint16).astype(np.uint32) << 16).view(np.float32)
        return (redraw(wide).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).tobytes()
    if kind not in _NUMPY:  # elements of a few bits
        return redraw_bytes(content)
    return redraw(np.frombuffer(content, _NUMPY[kind])).tobytes()


def types_of_ir(model: Path) -> list[str]:
    """Return the type of each input, as numpy calls it, in order."""
    import openvino

    ports = openvino.Core().read_model(model).inputs
    return [_NUMPY.get(port.get_element_type().get_type_name(), "") for port in ports]


def open_openvino(model: str, settings: dict[str, Any], inputs: Sequence[np.ndarray[Any, Any]]) -> Opened:
    """Compile a model as it was measured, and give it its inputs.

    Args:
        model: path of the model.
        settings: the ``device``, the ``config`` of the compiled model, and whether calls go through a ``queue`` of as
            many requests as OpenVINO recommends.
        inputs: its inputs, in order.
    """
    import openvino

    compiled = openvino.Core().compile_model(model, settings["device"], settings["config"])

    def tensor(index: int) -> Any:
        array, wanted = inputs[index], compiled.inputs[index].get_element_type()
        if wanted == openvino.Type.bf16:
            return openvino.Tensor(array, array.shape, wanted)
        return openvino.Tensor(array, shared_memory=True)

    def outputs_of(request: Any) -> Arrays:
        return [np.array(request.get_output_tensor(index).data) for index in range(len(compiled.outputs))]

    if not settings["queue"]:
        request = compiled.create_infer_request()
        for index in range(len(inputs)):
            request.set_input_tensor(index, tensor(index))
        return Opened(lambda: request.infer(share_outputs=True), lambda: outputs_of(request))
    count = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
    queue = openvino.AsyncInferQueue(compiled, count)
    for request in queue:
        for index in range(len(inputs)):
            request.set_input_tensor(index, tensor(index))

    def call() -> None:
        for _ in range(count):
            queue.start_async()
        queue.wait_all()

    return Opened(call, lambda: outputs_of(queue[count - 1]), count)
