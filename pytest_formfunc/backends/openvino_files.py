"""Read a model file (.onnx, .xml) with OpenVINO and fix its inputs' shapes, with one-sentence errors."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_formfunc.errors import Unsupported, one_line

if TYPE_CHECKING:
    from pytest_formfunc.forms.built import Inputs

_UNCONVERTED = re.compile(r"No conversion rule found for operations: ([^\n]+)")
_UNKNOWN_LAYER = re.compile(r"(?:Cannot create|Unsupported operation of type:?) (\S+)")


def read_for(file: Path, inputs: Inputs) -> Any:
    """Return an ``openvino.Model`` with the shapes of an example call.

    Raises:
        Unsupported: OpenVINO lacks an operator of the model, or the model does not take the inputs.
    """
    import openvino

    try:
        with _quiet():
            model = openvino.Core().read_model(file)
    except Exception as error:  # noqa: BLE001 - frontends raise many kinds
        raise Unsupported(f"OpenVINO cannot read {file.name}: {_reason(error)}") from None
    tensors = inputs.tensors
    if len(tensors) != len(model.inputs):
        raise Unsupported(f"OpenVINO sees {len(model.inputs)} inputs in {file.name}, and {len(tensors)} are given")
    for position, name in enumerate(inputs.kwargs):
        if name not in model.inputs[position].get_names():
            raise Unsupported(f"OpenVINO takes the inputs of {file.name} in another order than the file has them")
    shapes = {port: list(tensor.shape) for port, tensor in zip(model.inputs, tensors, strict=True)}
    try:
        model.reshape(shapes)
    except Exception as error:  # noqa: BLE001
        raise Unsupported(f"{file.name} does not take these shapes: {_reason(error)}") from None
    return model


def _reason(error: Exception) -> str:
    """Return the telling part of OpenVINO's message, which begins with locations in its source code."""
    text = str(error)
    for pattern in (_UNCONVERTED, _UNKNOWN_LAYER):
        if (found := pattern.search(text)) is not None:
            return f"it has no operator {found[1].strip()}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception from", "Check '", "While validating"))]
    return (telling or [one_line(error)])[0][:300]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence standard error: OpenVINO's frontends try a file one by one, and each prints its failure there."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
