"""Write attention as one operator: engines and PyTorch have a kernel for it that keeps no matrix of weights."""

from __future__ import annotations

from typing import Any

from pytest_formfunc.function.lints.graph_edits import arguments_of, calls_of, erase_unused, operator_name, shape_of

_PRODUCTS = ("matmul", "bmm")
_NOTHING = ("dropout", "dropout_", "contiguous", "clone", "to", "_to_copy")
_SCALINGS = ("mul", "mul_", "div", "div_")


def fuse(module: Any) -> int:
    """Replace ``softmax(scale * q @ k.T + mask) @ v`` by ``scaled_dot_product_attention``; return how many."""
    import torch

    count = 0
    for softmax in calls_of(module.graph, "softmax"):
        given = arguments_of(softmax)
        shape = shape_of(softmax)
        if shape is None or len(shape) < 3 or given["dim"] not in (-1, len(shape) - 1):
            continue
        found = _scores(given["self"] if "self" in given else given["input"])
        last = _only_user(softmax)
        while last is not None and operator_name(last) in _NOTHING:
            last = _only_user(last)
        if found is None or last is None or operator_name(last) not in _PRODUCTS:
            continue
        query, key, scale, mask = found
        inputs = list(arguments_of(last).values())[:2]
        if not _comes_from(inputs[0], softmax) or _comes_from(inputs[1], softmax):
            continue
        with module.graph.inserting_before(last):
            transposed = module.graph.call_function(torch.ops.aten.transpose.int, (key, -2, -1))
            called = module.graph.call_function(
                torch.ops.aten.scaled_dot_product_attention.default,
                (query, transposed, inputs[1], mask),
                {"scale": scale},
            )
        called.meta = dict(last.meta)
        last.replace_all_uses_with(called)
        erase_unused(module.graph, last)
        count += 1
    return count


def _scores(node: Any) -> tuple[Any, Any, float, Any] | None:
    """Return query, transposed key, scale and mask of what goes into a softmax; None where it is no attention."""
    scale, mask = 1.0, None
    for _ in range(4):
        if len(getattr(node, "users", ())) != 1:
            return None
        name, given = operator_name(node), [*getattr(node, "args", ())]
        if name in _PRODUCTS:
            return given[0], given[1], scale, mask
        if name in _SCALINGS and isinstance(given[1], int | float):
            scale *= given[1] if name.startswith("mul") else 1 / given[1]
        elif name in ("add", "add_") and mask is None and scale == 1.0 and hasattr(given[1], "op") and not node.kwargs:
            mask = given[1]
        elif name not in _NOTHING:
            return None
        node = given[0]
    return None


def _only_user(node: Any) -> Any:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _comes_from(node: Any, source: Any) -> bool:
    while node is not source and operator_name(node) in _NOTHING:
        node = node.args[0]
    return node is source
