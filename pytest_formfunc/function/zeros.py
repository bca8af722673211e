"""What a trained network computes that need not be: exact zeros after each layer, and redundancy of its feature maps.

With random weights half of all numbers are negative by symmetry, and a ReLU makes zeros of them whatever the form. So
nothing here means anything unless the weights are trained.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_formfunc.function.lints.graph_edits import calls_of, operator_name

if TYPE_CHECKING:
    from torch import Tensor

# Activations that give exact zeros. Linear bottlenecks, SiLU, GELU and sigmoids never do, and are left out of averages.
MAKES_ZEROS = (
    "relu", "relu_", "relu6", "hardtanh", "hardtanh_", "hardswish", "hardswish_", "hardsigmoid", "hardsigmoid_",
    "threshold", "threshold_", "prelu",
)  # fmt: skip
ENERGY = 0.99  # of a feature map, which the components that count as not redundant hold


@dataclass(frozen=True)
class Activation:
    """What is seen of the output of one activation over many inputs.

    Attributes:
        layer: the module that it is in, and its operator.
        zeros: share of exact zeros of each input.
        over_channels: redundancy over channels of each input, or NaN where the output has no channels and positions.
        over_positions: the same over positions.
    """

    layer: str
    zeros: list[float]
    over_channels: list[float]
    over_positions: list[float]


def look_at(module: Any, calls: Iterable[tuple[Any, ...]]) -> list[Activation]:
    """Return what is seen of each activation that can make exact zeros, in order.

    Args:
        module: a ``torch.fx.GraphModule`` of ATen operators, as ``ExportedProgram.module()`` returns it.
        calls: arguments of each call, named ones after the others in the program's order.
    """
    import torch

    wanted = {node: _name_of(node) for node in calls_of(module.graph, *MAKES_ZEROS)}
    found = {node: Activation(name, [], [], []) for node, name in wanted.items()}

    class Watched(torch.fx.Interpreter):
        def run_node(self, n: Any) -> Any:
            result = super().run_node(n)
            if n in found:
                seen = found[n]
                seen.zeros.append(float((result == 0).float().mean()))
                channels, positions = redundancy(result)
                seen.over_channels.append(channels)
                seen.over_positions.append(positions)
            return result

    with torch.no_grad():
        for one in calls:
            Watched(module).run(*one)
    return list(found.values())


def redundancy(maps: Tensor) -> tuple[float, float]:
    """Return the redundancy of feature maps over channels and over positions.

    Of the matrix of channels by positions, r principal components hold 99% of the energy (its squares, means left in).
    Over channels the redundancy is ``1 - r / channels``, over positions ``1 - r / positions``: the share of channels,
    or of positions, that are linear mixtures of the others. Where all are zero, r is 0.

    Args:
        maps: of shape ``(1, channels, height, width)``; of others, and of a single channel or position, NaN is
            returned.
    """
    import torch

    if maps.dim() != 4 or maps.shape[0] != 1 or maps.shape[1] == 1 or maps[0, 0].numel() == 1:
        return float("nan"), float("nan")
    matrix = maps[0].flatten(1).double()
    energies = torch.linalg.svdvals(matrix) ** 2
    whole = float(energies.sum())
    rank = 0 if whole == 0 else int((energies.cumsum(0) < ENERGY * whole).sum()) + 1
    return 1 - rank / matrix.shape[0], 1 - rank / matrix.shape[1]


def _name_of(node: Any) -> str:
    stack = node.meta.get("nn_module_stack") or {}
    path = str([*stack.values()][-1][0]) if stack else ""
    path = path.removeprefix("L['self']").strip(".")
    return f"{path}: {operator_name(node)}" if path else operator_name(node)
