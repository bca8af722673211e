"""ONNX Runtime's model for somebody who has ONNX Runtime and numpy alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pytest_formfunc.backends.reproduction import Mask, Opened, Redraw
from pytest_formfunc.errors import Unsupported

MODEL = "model.onnx"
_SAYS_MORE = ("doc_string", "metadata_props")  # of any part of a model: where it comes from, in words
# Names that a user may have chosen, and that nothing but the model itself refers to.
_NAMES = {
    "NodeProto": ("name", "input", "output"), "GraphProto": ("name",), "ValueInfoProto": ("name",),
    "TensorProto": ("name",), "FunctionProto": ("input", "output"),
}  # fmt: skip
_NUMPY = {"float": "float32", "double": "float64", "float16": "float16", "bfloat16": "bfloat16", "bool": "bool"}


def write_onnx(artifact: Path, folder: Path, mask: Mask, redraw: Redraw | None) -> None:
    """Write a model, and its larger constants in a file beside it, without what says where it comes from.

    Raises:
        Unsupported: weights are to be drawn anew, and some are stored in a way that this does not know.
        OSError: a file cannot be read or written.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load(artifact)
    _clean(model, mask)
    model.graph.name = "model"
    if "/" in model.producer_name + model.producer_version:
        model.producer_name = model.producer_version = ""
    if redraw is not None:
        for tensor in _tensors(model):
            if tensor.data_type == onnx.TensorProto.STRING:
                continue
            values = numpy_helper.to_array(tensor)
            if (drawn := redraw(values)) is not values:
                tensor.CopyFrom(numpy_helper.from_array(drawn, tensor.name))
    onnx.save_model(
        model, folder / MODEL, save_as_external_data=True, all_tensors_to_one_file=True, location=f"{MODEL}.data"
    )


def _clean(message: Any, mask: Mask) -> None:
    """Clear what any part of a model says in words, and mask names of nodes and values, at any depth."""
    for name in _SAYS_MORE:
        if name in message.DESCRIPTOR.fields_by_name:
            message.ClearField(name)
    names = _NAMES.get(message.DESCRIPTOR.name, ())
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for one in [value] if hasattr(value, "ListFields") else value:
                _clean(one, mask)
        elif field.name in names and isinstance(value, str):
            setattr(message, field.name, mask(value))
        elif field.name in names:
            value[:] = [mask(one) for one in value]


def _tensors(message: Any) -> Iterator[Any]:
    """Yield all constants of a model: initializers and attributes, in subgraphs and functions too.

    Raises:
        Unsupported: one is sparse.
    """
    kind = message.DESCRIPTOR.name
    if kind == "SparseTensorProto":
        raise Unsupported("its ONNX model has sparse constants, which are not drawn anew: share it --with-weights")
    if kind == "TensorProto":
        yield message
        return
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for one in [value] if hasattr(value, "ListFields") else value:
                yield from _tensors(one)


def types_of_onnx(model: Path) -> list[str]:
    """Return the type of each input, as numpy calls it, in order."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    names = [port.type.removeprefix("tensor(").rstrip(")") for port in session.get_inputs()]
    return [_NUMPY.get(name, name) for name in names]


def open_onnxruntime(model: str, settings: dict[str, Any], inputs: Sequence[np.ndarray[Any, Any]]) -> Opened:
    """Open a session as it was measured, and bind its inputs.

    Args:
        model: path of the model.
        settings: the ``provider`` with its ``provider_options``, the ``device`` that values are bound on, the number of
            ``threads``, and the ``entries`` of the session's configuration.
        inputs: its inputs, in order.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings["threads"]
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    for name, value in settings["entries"].items():
        options.add_session_config_entry(name, value)
    provider = (settings["provider"], settings["provider_options"])
    session = onnxruntime.InferenceSession(model, options, providers=[provider])
    binding = session.io_binding()
    for port, array in zip(session.get_inputs(), inputs, strict=True):
        value = onnxruntime.OrtValue.ortvalue_from_numpy(array, settings["device"], 0)
        binding.bind_ortvalue_input(port.name, value)
    for port in session.get_outputs():
        binding.bind_output(port.name, settings["device"])
    return Opened(lambda: session.run_with_iobinding(binding), binding.copy_outputs_to_cpu)
