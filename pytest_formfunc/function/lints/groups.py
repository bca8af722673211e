"""Make grouped convolutions dense: more multiply-accumulates, in kernels that are better, or that are there at all."""

from __future__ import annotations

from typing import Any

from pytest_formfunc.function.lints.graph_edits import add_weight, arguments_of, call_again, calls_of, weight_of


def make_dense(module: Any) -> int:
    """Replace each one that is not depthwise by a dense one with zeros between its groups; return how many."""
    count = 0
    for node in calls_of(module.graph, "conv1d", "conv2d", "conv3d"):
        given = arguments_of(node)
        groups, weight = given["groups"], weight_of(module, given["weight"])
        if groups == 1 or weight is None or weight.shape[1] == 1:
            continue
        outs, ins = weight.shape[0] // groups, weight.shape[1]
        dense = weight.new_zeros(weight.shape[0], ins * groups, *weight.shape[2:])
        for group in range(groups):
            rows, columns = slice(group * outs, (group + 1) * outs), slice(group * ins, (group + 1) * ins)
            dense[rows, columns] = weight[rows]
        call_again(module, node, {"weight": add_weight(module, dense, node), "groups": 1})
        count += 1
    return count
