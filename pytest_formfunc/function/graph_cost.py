"""What one call of a model file costs and computes, read from its graph in OpenVINO."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from math import prod
from typing import Any

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.function.cost import Cost

_NOT_COMPUTED = ("Parameter", "Result", "Constant")
_WHOLE_BYTES = 8  # bits in a byte
_WEIGHT_TYPES = ("f", "bf", "i4", "i8", "u4", "u8", "nf")  # 32 and 64 bit integers are shapes and indices


def count_graph_cost(model: Any) -> Cost:
    """Count the cost of an ``openvino.Model`` whose shapes are fixed.

    The figures are those of `count_cost` as far as a graph shows them. Multiply-accumulates are those of convolutions,
    matrix products and fused attention. Parameters are all constants of floating or quantised types, including batch
    norm's statistics, which a graph does not distinguish. Activations are the floating-point outputs of every node, so
    this figure is larger than a module's. Recurrent layers and bodies of loops are not counted.

    Raises:
        MeasurementError: a shape depends on the data.
    """
    macs = params = weight_bytes = activation_bytes = 0
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind == "Constant":
            size, element = prod(node.get_output_shape(0)), node.get_output_element_type(0)
            weight_bytes += size * element.bitwidth // _WHOLE_BYTES
            params += size if element.get_type_name().startswith(_WEIGHT_TYPES) else 0
        elif kind not in _NOT_COMPUTED:
            for output in node.outputs():
                element = output.get_element_type()
                if element.is_real() and output.get_partial_shape().is_static:
                    activation_bytes += prod(output.get_shape()) * element.bitwidth // _WHOLE_BYTES
        if kind in _MACS:
            if any(not port.get_partial_shape().is_static for port in (*node.inputs(), *node.outputs())):
                raise MeasurementError(f"its cost cannot be counted: the shape of {node.get_friendly_name()} is open")
            macs += _MACS[kind](node)
    return Cost(macs, params, weight_bytes, activation_bytes)


def describe_graph(model: Any) -> dict[str, Any]:
    """Describe an ``openvino.Model`` by operators, shapes, types and connections, as `describe_program` does."""
    operators: Counter[str] = Counter()
    digest = hashlib.sha256()
    numbers: dict[str, int] = {}
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        numbers[node.get_name()] = len(numbers)
        operators[kind] += kind not in _NOT_COMPUTED
        inputs = [(numbers[one.get_node().get_name()], one.get_index()) for one in node.input_values()]
        outputs = [f"{one.get_element_type().get_type_name()}{one.get_partial_shape()}" for one in node.outputs()]
        attributes = "" if kind in _NOT_COMPUTED else sorted(node.get_attributes().items(), key=lambda pair: pair[0])
        digest.update(f"{kind}{inputs}{outputs}{attributes};".encode())
    counted = {name: count for name, count in sorted(operators.items()) if count}
    return {"digest": digest.hexdigest()[:20], "operators": counted}


def _convolution(node: Any) -> int:
    """Count a convolution, whose weights are (out channels, in channels, kernel...)."""
    macs: int = prod(node.get_output_shape(0)) * prod(node.get_input_shape(1)[1:])
    return macs


def _group_convolution(node: Any) -> int:
    """Count a grouped convolution, whose weights are (groups, out channels, in channels, kernel...)."""
    macs: int = prod(node.get_output_shape(0)) * prod(node.get_input_shape(1)[2:])
    return macs


def _transposed_convolution(node: Any) -> int:
    """Count a transposed convolution: each input element is multiplied with (out channels, kernel...) weights."""
    macs: int = prod(node.get_input_shape(0)) * prod(node.get_input_shape(1)[1:])
    return macs


def _transposed_group_convolution(node: Any) -> int:
    macs: int = prod(node.get_input_shape(0)) * prod(node.get_input_shape(1)[2:])
    return macs


def _matmul(node: Any) -> int:
    left = node.get_input_shape(0)
    transposed = len(left) > 1 and node.get_attributes()["transpose_a"]
    macs: int = prod(node.get_output_shape(0)) * left[-2 if transposed else -1]
    return macs


def _attention(node: Any) -> int:
    """Count attention: queries (..., tokens, head), keys (..., keys, head), values (..., keys, value head)."""
    query, key, value = (node.get_input_shape(index) for index in range(3))
    macs: int = prod(query[:-1]) * key[-2] * (query[-1] + value[-1])
    return macs


_MACS: dict[str, Callable[[Any], int]] = {
    "Convolution": _convolution,
    "GroupConvolution": _group_convolution,
    "ConvolutionBackpropData": _transposed_convolution,
    "GroupConvolutionBackpropData": _transposed_group_convolution,
    "MatMul": _matmul,
    "ScaledDotProductAttention": _attention,
}
