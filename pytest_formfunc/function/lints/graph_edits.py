"""Shared by the lints: find and replace calls of ATen operators in a graph with its weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def operator_name(node: Any) -> str:
    """Return ``conv2d`` of a call of ``aten.conv2d.default``; nothing of another node."""
    parts = str(node.target).split(".")
    return parts[1] if node.op == "call_function" and parts[0] == "aten" and len(parts) > 1 else ""


def calls_of(graph: Any, *names: str) -> Iterator[Any]:
    """Yield the calls of some operators, in the graph's order; the graph may be changed meanwhile."""
    for node in list(graph.nodes):
        if operator_name(node) in names:
            yield node


def arguments_of(node: Any) -> dict[str, Any]:
    """Return a call's arguments by name, those that were left out by their defaults."""
    declared = node.target._schema.arguments
    given = dict(zip([one.name for one in declared], node.args, strict=False)) | dict(node.kwargs)
    return {one.name: given.get(one.name, one.default_value if one.has_default_value() else None) for one in declared}


def weight_of(module: Any, node: Any) -> Any:
    """Return the tensor of a weight; None where the node is no weight."""
    import torch

    if not isinstance(node, torch.fx.Node) or node.op != "get_attr":
        return None
    found = module
    for name in str(node.target).split("."):
        found = getattr(found, name)
    return found.detach() if isinstance(found, torch.Tensor) else None


def add_weight(module: Any, tensor: Any, before: Any) -> Any:
    """Give the graph's module a further weight; return its node, which stands before another one."""
    import torch

    name = f"changed_{sum(1 for one, _ in module.named_parameters() if one.startswith('changed_'))}"
    module.register_parameter(name, torch.nn.Parameter(tensor, requires_grad=False))
    with module.graph.inserting_before(before):
        return module.graph.get_attr(name)


def call_again(module: Any, node: Any, changes: dict[str, Any]) -> Any:
    """Put a call with other arguments in the place of a call; return it."""
    arguments = arguments_of(node) | changes
    with module.graph.inserting_before(node):
        called = module.graph.call_function(node.target, (), {})
    declared = node.target._schema.arguments
    called.args = tuple(arguments[one.name] for one in declared if not one.kwarg_only)
    called.kwargs = {one.name: arguments[one.name] for one in declared if one.kwarg_only}
    called.meta = dict(node.meta)
    node.replace_all_uses_with(called)
    module.graph.erase_node(node)
    return called


def erase_unused(graph: Any, node: Any) -> None:
    """Erase a call whose result nobody reads any more, and what only it has read; dropout, though random, too."""
    if node.users or node.op not in ("call_function", "get_attr"):
        return
    inputs = list(node.all_input_nodes)
    graph.erase_node(node)
    for one in inputs:
        erase_unused(graph, one)


def shape_of(node: Any) -> tuple[int, ...] | None:
    """Return the shape of a node's tensor as it was exported; None where it has none, or an open one."""
    import torch

    value = getattr(node, "meta", {}).get("val")
    if not isinstance(value, torch.Tensor) or not all(isinstance(size, int) for size in value.shape):
        return None
    return tuple(value.shape)
