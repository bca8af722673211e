"""Read which kernels ONNX Runtime executes from its optimised model."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

_REORDERS = ("ReorderInput", "ReorderOutput", "Transpose")
_BLOCKED = "_nchwc"  # suffix that ONNX Runtime adds to the name of a value in its blocked layout
_PRECISIONS = {1: "f32", 2: "u8", 3: "i8", 6: "i32", 7: "i64", 9: "boolean", 10: "f16", 11: "f64", 16: "bf16"}


def describe_graph(original: Path, optimised: Path) -> dict[str, Any]:
    """Return hash, kernels, precisions, reorders, fused and layers: the same keys as for OpenVINO's graph.

    Args:
        original: the model as it was given.
        optimised: the model as it is executed. A kernel is an operator type, with its domain if that is not ONNX's
            own (``com.microsoft.nchwc.Conv``); ONNX Runtime does not report which instructions a kernel uses.

    ``fused`` counts the original nodes that were fused into others or folded away.
    """
    import onnx

    before = onnx.load(original, load_external_data=False).graph
    after = onnx.load(optimised, load_external_data=False).graph
    types = _value_types(after)
    names = {output for node in before.node for output in node.output}
    kernels: Counter[str] = Counter()
    precisions: Counter[str] = Counter()
    layers: dict[str, str] = {}
    reorders = 0
    digest = hashlib.sha256()
    for node in after.node:
        kernel = kernel_of(node)
        known = [types[name] for name in (*node.output, *node.input) if name in types]
        precision = known[0] if known else ""
        kernels[kernel] += 1
        precisions[precision] += 1
        reorders += node.op_type in _REORDERS
        name = node.output[0].removesuffix(_BLOCKED)
        if name in names:
            layers[name] = kernel
        digest.update(f"{kernel}|{precision}|{len(node.input)}".encode())
    computing = sum(kernels.values()) - sum(kernels[name] for name in kernels if name.rpartition(".")[2] in _REORDERS)
    return {
        "hash": digest.hexdigest()[:16],
        "kernels": dict(sorted(kernels.items())),
        "precisions": dict(sorted(precisions.items())),
        "reorders": reorders,
        "fused": max(0, len([node for node in before.node if node.op_type != "Constant"]) - computing),
        "layers": layers,
    }


def kernel_of(node: Any) -> str:
    """Return a node's operator type, with its domain if that is not ONNX's own."""
    return f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else str(node.op_type)


def _value_types(graph: Any) -> dict[str, str]:
    """Return the precision of every value that the model declares."""
    types = {tensor.name: _PRECISIONS.get(tensor.data_type, str(tensor.data_type)) for tensor in graph.initializer}
    for value in (*graph.input, *graph.output, *graph.value_info):
        element = value.type.tensor_type.elem_type
        types[value.name] = _PRECISIONS.get(element, str(element))
    return types
