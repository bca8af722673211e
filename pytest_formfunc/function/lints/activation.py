"""Replace activations that engines compute in steps of their own, or with more work, by ReLU."""

from __future__ import annotations

from typing import Any

from pytest_formfunc.function.lints.graph_edits import arguments_of, calls_of

REPLACED = (
    "silu", "silu_", "hardswish", "hardswish_", "gelu", "mish", "mish_", "elu", "elu_", "selu", "softplus",
    "leaky_relu", "leaky_relu_", "hardtanh", "hardtanh_", "relu6", "prelu",
)  # fmt: skip


def replace(module: Any) -> int:
    """Replace each one; return how many. Sigmoids stay, because they are mostly gates, which have to be below 1."""
    import torch

    count = 0
    for node in calls_of(module.graph, *REPLACED):
        source = next(iter(arguments_of(node).values()))
        with module.graph.inserting_before(node):
            called = module.graph.call_function(torch.ops.aten.relu.default, (source,))
        called.meta = dict(node.meta)
        node.replace_all_uses_with(called)
        module.graph.erase_node(node)
        count += 1
    return count
