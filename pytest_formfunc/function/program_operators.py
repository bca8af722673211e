"""The operators of an exported program, with their modules and what they cost: what layers are matched by."""

from __future__ import annotations

import warnings
from typing import Any

from pytest_formfunc.function.layers import Operator

_PRODUCTS = ("conv", "linear", "matmul", "addmm", "baddbmm", "mm", "bmm", "einsum", "scaled_dot_product_attention")
_NOTHING = ("dropout", "feature_dropout", "alpha_dropout", "_assert", "contiguous", "detach", "alias")


def operators_of(program: Any) -> list[Operator]:
    """Return the operators of a ``torch.export.ExportedProgram``, in its order; a branch of control flow is one."""
    weights = {node.name for node in program.graph.nodes if node.op == "placeholder"}
    weights -= set(program.graph_signature.user_inputs)
    found = []
    for node in program.graph.nodes:
        if node.op == "get_attr":
            weights.add(node.name)
        if node.op != "call_function":
            continue
        kind = str(node.target)
        inputs = tuple(one.name for one in node.all_input_nodes)
        is_constant = bool(inputs) and weights.issuperset(inputs)
        if is_constant:
            weights.add(node.name)
        is_product = _name_of(kind) in _PRODUCTS or _name_of(kind).startswith("conv")
        found.append(
            Operator(
                node.name, kind, _module_of(node), inputs, is_product, _is_free(node, kind), is_constant,
                _macs_of(node) if is_product else 0, sum(map(_bytes_of, _tensors(node.meta.get("val")))),
            )
        )  # fmt: skip
    return found


def sizes_of(program: Any) -> dict[str, int]:
    """Return the bytes of each input and weight of a program, by the name of its node."""
    return {
        node.name: sum(map(_bytes_of, _tensors(node.meta.get("val"))))
        for node in program.graph.nodes
        if node.op == "placeholder"
    }


def origins_of(program: Any) -> dict[str, str]:
    """Return the operator of the program as it was exported that each node of a decomposed one is from.

    Args:
        program: what ``run_decompositions`` returned, or a ``GraphModule`` of it.
    """
    found = {}
    for node in program.graph.nodes:
        source = (node.meta.get("from_node") or [None])[0]
        if node.op == "call_function" and source is not None:
            found[node.name] = source.name
    return found


def _name_of(kind: str) -> str:
    return kind.split(".")[1].strip("_") if kind.count(".") > 1 else kind


def _module_of(node: Any) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    path = str([*stack.values()][-1][0]) if stack else ""
    return path.removeprefix("L['self']").strip(".")


def _is_free(node: Any, kind: str) -> bool:
    schema = getattr(node.target, "_schema", None)
    returns_view = bool(schema and any(one.alias_info and not one.alias_info.is_write for one in schema.returns))
    return "getitem" in kind or returns_view or _name_of(kind) in _NOTHING


def _macs_of(node: Any) -> int:
    """Return the multiply-accumulates of a node, from the shapes in the program; 0 where they are unknown."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from pytest_formfunc.function.cost import count_attention_flops

    attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), lambda one: one.meta["val"])
    counter = FlopCounterMode(display=False, custom_mapping={attention: count_attention_flops})
    with warnings.catch_warnings(), torch.no_grad(), counter:
        warnings.simplefilter("ignore")
        try:
            node.target(*args, **kwargs)
        except Exception:  # noqa: BLE001 - shapes that are open, operators without a formula
            return 0
    return counter.get_total_flops() // 2


def _tensors(value: Any) -> list[Any]:
    import torch
    from torch.utils import _pytree

    return [leaf for leaf in _pytree.tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def _bytes_of(tensor: Any) -> int:
    return int(tensor.numel()) * int(tensor.element_size())
