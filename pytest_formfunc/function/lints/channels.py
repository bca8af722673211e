"""Widen a network's tensors with channels of zeros to multiples of what kernels compute at a time.

A kernel of vectors of 16 numbers takes as long for 60 channels as for 64, or longer; what it reads and writes may be
laid out better, too. The zeros are computed and change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pytest_formfunc.function.lints.graph_edits import (
    add_weight,
    arguments_of,
    call_again,
    operator_name,
    shape_of,
    weight_of,
)

MULTIPLE = 16
MOST_ADDED = 0.34  # of the channels: beyond, the zeros themselves are what takes the time
# Operators that compute each channel from the same one, 0 from zeros, and have one result of as many channels.
_CHANNEL_BY_CHANNEL = (
    "relu", "relu_", "relu6", "silu", "silu_", "hardswish", "hardswish_", "gelu", "mish", "mish_", "tanh", "elu",
    "elu_", "leaky_relu", "leaky_relu_", "hardtanh", "hardtanh_", "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d",
    "add", "add_", "mul", "mul_", "dropout", "dropout_",
)  # fmt: skip


class _Spaces:
    """Which tensors must have the same channels (disjoint sets)."""

    def __init__(self) -> None:
        self._parents: dict[Any, Any] = {}
        self.fixed: set[Any] = set()

    def of(self, node: Any) -> Any:
        """Return the representative of a tensor's channels."""
        while self._parents.setdefault(node, node) is not node:
            node = self._parents[node]
        return node

    def join(self, nodes: Iterable[Any]) -> None:
        """Note that some tensors have the same channels."""
        first, *others = [self.of(one) for one in nodes]
        for other in others:
            self._parents[self.of(other)] = self.of(first)

    def fix(self, node: Any) -> None:
        """Note that a tensor keeps its channels."""
        self.fixed.add(node)


def pad(module: Any) -> int:
    """Widen what lies between convolutions; return how many tensors of convolutions have become wider."""
    spaces = _Spaces()
    convolutions = [node for node in module.graph.nodes if _is_convolution(module, node)]
    norms = [node for node in module.graph.nodes if _is_norm(module, node)]
    for node in module.graph.nodes:
        _note(node, spaces, node in convolutions, node in norms)
    fixed = {spaces.of(node) for node in spaces.fixed}

    def added_to(node: Any) -> int:
        shape = shape_of(node)
        if shape is None or spaces.of(node) in fixed:
            return 0
        added = -shape[1] % MULTIPLE
        return added if added <= MOST_ADDED * shape[1] else 0

    plan = {node: (added_to(arguments_of(node)["input"]), added_to(node)) for node in [*convolutions, *norms]}
    widened = sum(after > 0 for node, (_, after) in plan.items() if node in convolutions)
    for node, (before, after) in plan.items():
        if before or after:
            (_widen_convolution if node in convolutions else _widen_norm)(module, node, before, after)
    return widened


def _is_depthwise(given: dict[str, Any], node: Any) -> bool:
    inside, outside = shape_of(given["input"]), shape_of(node)
    return inside is not None and outside is not None and given["groups"] == inside[1] == outside[1] > 1


def _is_convolution(module: Any, node: Any) -> bool:
    """Return whether a node is a convolution of images with weights of its own, dense or depthwise."""
    if operator_name(node) != "conv2d" or shape_of(node) is None:
        return False
    given = arguments_of(node)
    inside = shape_of(given["input"])
    known = [weight_of(module, given[name]) for name in ("weight", "bias") if given[name] is not None]
    shaped = inside is not None and len(inside) == 4 and all(one is not None for one in known)
    return shaped and (given["groups"] == 1 or _is_depthwise(given, node))


def _is_norm(module: Any, node: Any) -> bool:
    if operator_name(node) != "batch_norm":
        return False
    given = arguments_of(node)
    weights = [given[name] for name in ("weight", "bias", "running_mean", "running_var")]
    return not given["training"] and all(weight_of(module, one) is not None for one in weights)


def _note(node: Any, spaces: _Spaces, is_convolution: bool, is_norm: bool) -> None:
    """Note what a node asks of the channels of what it reads and returns."""
    import torch

    tensors = [one for one in node.all_input_nodes if one.op != "get_attr"]
    if is_convolution:
        given = arguments_of(node)
        if _is_depthwise(given, node):
            spaces.join([given["input"], node])
        return
    shape = shape_of(node)
    alike = shape is not None and len(shape) == 4 and all(_channels(one) == shape[1] for one in tensors)
    plain = len(tensors) == len(node.all_input_nodes) and tensors
    if (operator_name(node) in _CHANNEL_BY_CHANNEL and alike and plain and _keeps_zeros(node)) or (is_norm and alike):
        spaces.join([node, *tensors])
        return
    for one in [node, *tensors]:
        if isinstance(one, torch.fx.Node):
            spaces.fix(one)


def _channels(node: Any) -> int | None:
    shape = shape_of(node)
    return shape[1] if shape is not None and len(shape) == 4 else None


def _keeps_zeros(node: Any) -> bool:
    """Return whether zeros stay zeros: adding a number, or clamping above zero, would make others of them."""
    name = operator_name(node)
    if name.startswith("add"):
        return all(hasattr(one, "op") for one in node.args[:2])
    if name.startswith("hardtanh"):
        given = arguments_of(node)
        return bool(given["min_val"] <= 0 <= given["max_val"])
    return True


def _widen_convolution(module: Any, node: Any, before: int, after: int) -> None:
    from torch.nn.functional import pad as with_zeros

    given = arguments_of(node)
    weight, depthwise = weight_of(module, given["weight"]), given["groups"] > 1
    columns = 0 if depthwise else before
    changes = {"weight": add_weight(module, with_zeros(weight, (0, 0, 0, 0, 0, columns, 0, after)), node)}
    if given["bias"] is not None:
        changes["bias"] = add_weight(module, with_zeros(weight_of(module, given["bias"]), (0, after)), node)
    if depthwise:
        changes["groups"] = given["groups"] + after
    call_again(module, node, changes)


def _widen_norm(module: Any, node: Any, before: int, after: int) -> None:
    from torch.nn.functional import pad as with_zeros

    del before
    given = arguments_of(node)
    changes = {
        name: add_weight(module, with_zeros(weight_of(module, given[name]), (0, after), value=filling), node)
        for name, filling in (("weight", 0.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0))
    }
    call_again(module, node, changes)
