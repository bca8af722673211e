"""What a network computes, from its ``torch.export`` program: its operators, and a digest to compare programs by."""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any


def describe_program(program: Any) -> dict[str, Any]:
    """Describe a ``torch.export.ExportedProgram`` by what it computes, regardless of the names of layers and weights.

    Returns:
        ``digest``: equal for programs with the same operators in the same order on the same shapes, types and
        strides; names of layers and values of weights do not matter. ``operators``: number of calls of each.
        ``calls``: number of calls of each operator with the same arguments and shapes, as text (`_describe_call`).
    """
    import torch

    operators: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    digest = hashlib.sha256()
    for module in program.graph_module.modules():  # branches of control flow are modules of their own
        numbers: dict[Any, int] = {}
        for node in module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ():
            numbers[node] = len(numbers)
            called = str(node.target) if node.op == "call_function" else node.op
            operators[called] += node.op == "call_function"
            if node.op == "call_function" and hasattr(node.target, "_schema"):
                calls[_describe_call(node)] += 1
            arguments = torch.fx.node.map_arg((node.args, node.kwargs), functools.partial(_number, numbers))
            digest.update(f"{called}{arguments}{_shapes(node.meta.get('val'))};".encode())
    counted = {name: count for name, count in sorted(operators.items()) if count}
    return {"digest": digest.hexdigest()[:20], "operators": counted, "calls": dict(sorted(calls.items()))}


def describe_script(module: Any) -> dict[str, Any]:
    """Describe a ``torch.jit.ScriptModule`` as `describe_program` does, without shapes, which its graph lacks."""
    operators: Counter[str] = Counter()
    for node in _nodes_of(module.inlined_graph):
        if node.kind().startswith(("aten::", "quantized::", "torchvision::")):
            operators[node.kind().replace("::", ".")] += 1
    text = module.inlined_graph.str(False)
    return {
        "digest": hashlib.sha256(text.encode()).hexdigest()[:20],
        "operators": dict(sorted(operators.items())),
        "calls": {},
    }


def _nodes_of(block: Any) -> Iterator[Any]:
    """Yield the nodes of a graph of TorchScript, those in branches and loops too."""
    for node in block.nodes():
        yield node
        for inner in node.blocks():
            yield from _nodes_of(inner)


def _describe_call(node: Any) -> str:
    """Return an operator, the shapes of its tensors and its other arguments.

    ``conv2d(1x8x9x9, weight 4x8x3x3, stride 1x1, padding 0x0, dilation 1x1, groups 1)``
    """
    declared = node.target._schema.arguments
    given = dict(zip([one.name for one in declared], node.args, strict=False)) | node.kwargs
    defaults = {one.name: one.default_value for one in declared if one.has_default_value()}
    said: list[str] = []
    for name, value in {one.name: (defaults | given).get(one.name) for one in declared}.items():
        if (shape := _shape_of(value)) is not None:
            said.append(f"{name} {shape}" if said else shape)
        elif value is not None and not _has_nodes(value):
            said.append(f"{name} {'x'.join(map(str, value)) if isinstance(value, list | tuple) else value}")
    return f"{str(node.target).split('.')[1]}({', '.join(said)})"


def _shape_of(value: Any) -> str | None:
    shape = getattr(getattr(value, "meta", {}).get("val"), "shape", None) if hasattr(value, "meta") else None
    return None if shape is None else "x".join(map(str, shape)) or "scalar"


def _has_nodes(value: Any) -> bool:
    import torch
    from torch.utils import _pytree

    return any(isinstance(leaf, torch.fx.Node) for leaf in _pytree.tree_leaves(value))


_PRODUCTS = ("conv", "linear", "matmul", "addmm", ".mm.", ".bmm.", "baddbmm", "einsum", "scaled_dot_product_attention")


def count_operators(program: dict[str, Any]) -> dict[str, int]:
    """Count the calls in a description by `describe_program`; empty where the network could not be exported.

    Returns:
        ``operators``: calls that compute or move data, which excludes access to a tuple's items. ``products``: those
        of them that multiply matrices or convolve.

    >>> count_operators({"operators": {"aten.conv2d.default": 2, "aten.relu.default": 1}})
    {'operators': 3, 'products': 2}
    """
    counts = {name: count for name, count in program["operators"].items() if "getitem" not in name}
    if not counts:
        return {}
    products = sum(count for name, count in counts.items() if any(part in name for part in _PRODUCTS))
    return {"operators": sum(counts.values()), "products": products}


def _number(numbers: dict[Any, int], node: Any) -> str:
    return f"#{numbers[node]}"


def _shapes(value: Any) -> str:
    import torch
    from torch.utils import _pytree

    return "".join(
        f"{leaf.dtype}{tuple(leaf.shape)}{leaf.stride()}" if isinstance(leaf, torch.Tensor) else repr(leaf)
        for leaf in _pytree.tree_leaves(value)
    )
