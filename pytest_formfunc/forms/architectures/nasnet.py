"""Networks of searched cells of five pairwise sums: NASNet-A, PNASNet-5, AmoebaNet-A, in their mobile sizes.

NASNet: Learning Transferable Architectures for Scalable Image Recognition, https://arxiv.org/abs/1707.07012;
PNASNet: Progressive Neural Architecture Search, https://arxiv.org/abs/1712.00559;
AmoebaNet: Regularized Evolution for Image Classifier Architecture Search, https://arxiv.org/abs/1802.01548.

State 0 is the previous layer (after a 1x1 convolution), state 1 the one before that; each sum is a further state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pytest_formfunc.forms.architectures.cells import FactorizedReduce, one_by_seven, pool, relu_conv_bn, separable
from pytest_formfunc.forms.architectures.head import MeanClassifier

Edge = tuple[str, int]
"""An operation and the state that it reads."""


@dataclass(frozen=True)
class CellPlan:
    """A cell: pairs of edges that are summed, and the states that are concatenated."""

    sums: tuple[tuple[Edge, Edge], ...]
    concat: tuple[int, ...]


NASNET_NORMAL = CellPlan(
    (
        (("sep5", 0), ("sep3", 1)), (("sep5", 1), ("sep3", 1)), (("avg", 0), ("none", 1)), (("avg", 1), ("avg", 1)),
        (("sep3", 0), ("none", 0)),
    ),
    (1, 2, 3, 4, 5, 6),
)  # fmt: skip
NASNET_REDUCE = CellPlan(
    (
        (("sep5", 0), ("sep7", 1)), (("max", 0), ("sep7", 1)), (("avg", 0), ("sep5", 1)), (("none", 3), ("avg", 2)),
        (("sep3", 2), ("max", 0)),
    ),
    (3, 4, 5, 6),
)  # fmt: skip
PNASNET = CellPlan(
    (
        (("sep5", 1), ("max", 1)), (("sep7", 0), ("max", 0)), (("sep5", 0), ("sep3", 0)), (("sep3", 4), ("max", 0)),
        (("sep3", 1), ("none", 0)),
    ),
    (2, 3, 4, 5, 6),
)  # fmt: skip
AMOEBANET_NORMAL = CellPlan(
    (
        (("avg", 0), ("max", 0)), (("sep3", 1), ("none", 1)), (("none", 0), ("avg", 1)), (("sep3", 0), ("sep5", 2)),
        (("avg", 5), ("sep3", 0)),
    ),
    (1, 3, 4, 6),
)  # fmt: skip
AMOEBANET_REDUCE = CellPlan(
    (
        (("sep3", 1), ("avg", 0)), (("max", 0), ("sep7", 2)), (("max", 1), ("max", 0)), (("sep3", 4), ("1x7", 0)),
        (("avg", 1), ("sep7", 0)),
    ),
    (2, 3, 4, 5, 6),
)  # fmt: skip


def _operation(name: str, channels: int, width: int, stride: int) -> nn.Module:
    if name == "none":
        return nn.Identity() if stride == 1 and channels == width else relu_conv_bn(channels, width, stride=stride)
    if name in ("max", "avg"):
        if channels == width:
            return pool(name, stride=stride)
        return nn.Sequential(
            pool(name, stride=stride), nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width)
        )
    if name == "1x7":
        return one_by_seven(width, stride=stride)
    return separable(channels, width, int(name.removeprefix("sep")), stride=stride)


class Cell(nn.Module):
    """One cell: it reads the two previous layers and concatenates some of its states.

    Args:
        plan: plan of the cell.
        channels: channels of the previous layer.
        channels_before: channels of the layer before that; None for the first cell, which reads the stem as both, the
            second time without a 1x1 convolution.
        width: channels of every state.
        stride: stride of edges that read states 0 and 1.
        halve_before: whether the layer before the previous one has twice the resolution.
    """

    def __init__(
        self, plan: CellPlan, channels: int, channels_before: int | None, width: int, *, stride: int, halve_before: bool
    ) -> None:
        """Build the layers."""
        super().__init__()
        self.plan = plan
        self.enter = relu_conv_bn(channels, width)
        self.enter_before: nn.Module = nn.Identity()
        entered = channels if channels_before is None else width
        if channels_before is not None and halve_before:
            self.enter_before = FactorizedReduce(channels_before, width)
        elif channels_before is not None and channels_before != width:
            self.enter_before = relu_conv_bn(channels_before, width)
        self.edges = nn.ModuleList(
            _operation(name, entered if state == 1 else width, width, stride if state < 2 else 1)
            for pair in plan.sums
            for name, state in pair
        )
        self.out_channels = len(plan.concat) * width

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        """Run the cell."""
        states = [self.enter(x), self.enter_before(before)]
        edges = iter(self.edges)
        for (_, left), (_, right) in self.plan.sums:
            states.append(next(edges)(states[left]) + next(edges)(states[right]))
        return torch.cat([states[index] for index in self.plan.concat], 1)


@dataclass(frozen=True)
class Row:
    """One cell of a network: its plan, its states' width, its stride."""

    plan: CellPlan
    width: int
    stride: int


class CellNetwork(nn.Module):
    """An unpadded 3x3 stem, cells that read the two layers before them, a linear classifier."""

    def __init__(self, stem: int, rows: Sequence[Row]) -> None:
        """Build the layers."""
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, stem, 3, 2, bias=False), nn.BatchNorm2d(stem))
        cells = []
        channels, before = stem, None
        scale = scale_before = 1
        for row in rows:
            cell = Cell(row.plan, channels, before, row.width, stride=row.stride, halve_before=scale_before != scale)
            cells.append(cell)
            before, channels = channels, cell.out_channels
            scale_before, scale = scale, scale * row.stride
        self.cells = nn.ModuleList(cells)
        self.act = nn.ReLU()
        self.head = MeanClassifier(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Classify images."""
        layer = before = self.stem(x)
        for cell in self.cells:
            before, layer = layer, cell(layer, before)
        out: Tensor = self.head(self.act(layer))
        return out


def _stacks(width: int, normal: CellPlan, reduce: CellPlan, per_stack: int) -> list[Row]:
    """Return two stem cells of a quarter and half the width, and three stacks with reduction cells between them."""
    rows = [Row(reduce, width // 4, 2), Row(reduce, width // 2, 2)]
    for stack in range(3):
        if stack:
            rows.append(Row(reduce, width * 2**stack, 2))
        rows += [Row(normal, width * 2**stack, 1)] * per_stack
    return rows


class NASNetAMobile(CellNetwork):
    """NASNet-A (4 @ 1056)."""

    def __init__(self) -> None:
        """Build the layers."""
        super().__init__(32, _stacks(44, NASNET_NORMAL, NASNET_REDUCE, 4))


class AmoebaNetA(CellNetwork):
    """AmoebaNet-A (N = 4, F = 50)."""

    def __init__(self) -> None:
        """Build the layers."""
        super().__init__(32, _stacks(50, AMOEBANET_NORMAL, AMOEBANET_REDUCE, 4))


class PNASNet5Mobile(CellNetwork):
    """PNASNet-5 of nine cells with one plan for all; the fourth and the seventh are strided."""

    def __init__(self) -> None:
        """Build the layers."""
        width = 54
        rows = [Row(PNASNET, width // 4, 2), Row(PNASNET, width // 2, 2)]
        rows += [Row(PNASNET, width * 2 ** (index // 3), 2 if index in (3, 6) else 1) for index in range(9)]
        super().__init__(32, rows)
