"""Fold batch normalisations into the convolutions before them: in inference both are one affine map of channels."""

from __future__ import annotations

from typing import Any

from pytest_formfunc.function.lints.graph_edits import (
    add_weight,
    arguments_of,
    call_again,
    calls_of,
    operator_name,
    weight_of,
)


def fold(module: Any) -> int:
    """Fold each one that alone reads a convolution; return how many.

    With mean m, variance v, scale g and shift b of a channel, the convolution's weights are multiplied by
    s = g / sqrt(v + eps), and its bias c becomes (c - m) * s + b (Jacob et al., arXiv:1712.05877, section 3.2).
    """
    import torch

    folded = 0
    for node in calls_of(module.graph, "batch_norm"):
        given = arguments_of(node)
        before = given["input"]
        if given["training"] or not operator_name(before).startswith("conv") or len(before.users) != 1:
            continue
        if operator_name(before) == "conv_transpose2d":  # whose channels lie in another dimension
            continue
        own = arguments_of(before)
        weight, mean, variance = (
            weight_of(module, one) for one in (own["weight"], given["running_mean"], given["running_var"])
        )
        if (
            weight is None
            or mean is None
            or variance is None
            or (own["bias"] is not None and weight_of(module, own["bias"]) is None)
        ):
            continue
        scale, shift = (
            weight_of(module, given[name]) if given[name] is not None else None for name in ("weight", "bias")
        )
        factor = (torch.ones_like(mean) if scale is None else scale) / torch.sqrt(variance + given["eps"])
        bias = torch.zeros_like(mean) if own["bias"] is None else weight_of(module, own["bias"])
        bias = (bias - mean) * factor + (torch.zeros_like(mean) if shift is None else shift)
        new_weight = add_weight(module, weight * factor.reshape(-1, *[1] * (weight.dim() - 1)), before)
        new_bias = add_weight(module, bias, before)
        called = call_again(module, before, {"weight": new_weight, "bias": new_bias})
        node.replace_all_uses_with(called)
        module.graph.erase_node(node)
        folded += 1
    return folded
