"""DARTS: Differentiable Architecture Search, https://arxiv.org/abs/1806.09055 (DARTS_V2 for ImageNet).

State 0 is the layer before the last, state 1 the last one: the reverse of the NASNet family's order. The auxiliary
classifier, used in training only, is left out. The paper gives 574M multiply-adds, but its authors' code has 529.9M;
public questions about that have no answer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pytest_formfunc.forms.architectures.cells import FactorizedReduce, dilated, pool, relu_conv_bn, separable
from pytest_formfunc.forms.architectures.head import MeanClassifier

Edge = tuple[str, int]
NORMAL: tuple[tuple[Edge, Edge], ...] = (
    (("sep", 0), ("sep", 1)), (("sep", 0), ("sep", 1)), (("sep", 1), ("skip", 0)), (("skip", 0), ("dil", 2)),
)  # fmt: skip
REDUCE: tuple[tuple[Edge, Edge], ...] = (
    (("max", 0), ("max", 1)), (("skip", 2), ("max", 1)), (("max", 0), ("skip", 2)), (("skip", 2), ("max", 1)),
)  # fmt: skip
WIDTH = 48
CELLS = 14
REDUCTIONS = (4, 9)


def _operation(name: str, width: int, stride: int) -> nn.Module:
    if name == "skip":
        return nn.Identity() if stride == 1 else FactorizedReduce(width, width)
    if name == "sep":
        return separable(width, width, 3, stride=stride)
    if name == "dil":
        return dilated(width, 3, stride=stride)
    return pool(name, stride=stride)


class Cell(nn.Module):
    """Four sums of two edges each, concatenated.

    Args:
        channels_before: channels of the layer before the last.
        channels: channels of the last layer.
        width: channels of every state.
        reduces: whether the cell halves the resolution.
        halve_before: whether the layer before the last has twice the resolution.
    """

    def __init__(self, channels_before: int, channels: int, width: int, *, reduces: bool, halve_before: bool) -> None:
        """Build the layers."""
        super().__init__()
        self.enter_before = (
            FactorizedReduce(channels_before, width) if halve_before else relu_conv_bn(channels_before, width)
        )
        self.enter = relu_conv_bn(channels, width)
        self.sums = REDUCE if reduces else NORMAL
        self.edges = nn.ModuleList(
            _operation(name, width, 2 if reduces and state < 2 else 1) for pair in self.sums for name, state in pair
        )
        self.out_channels = len(self.sums) * width

    def forward(self, before: Tensor, x: Tensor) -> Tensor:
        """Run the cell."""
        states = [self.enter_before(before), self.enter(x)]
        edges = iter(self.edges)
        for (_, left), (_, right) in self.sums:
            states.append(next(edges)(states[left]) + next(edges)(states[right]))
        return torch.cat(states[2:], 1)


class Darts(nn.Module):
    """Two stems that quarter and halve the resolution, fourteen cells, a linear classifier."""

    def __init__(self) -> None:
        """Build the layers."""
        super().__init__()
        half = WIDTH // 2
        self.stem0 = nn.Sequential(
            nn.Conv2d(3, half, 3, 2, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU(),
            nn.Conv2d(half, WIDTH, 3, 2, 1, bias=False), nn.BatchNorm2d(WIDTH),
        )  # fmt: skip
        self.stem1 = nn.Sequential(nn.ReLU(), nn.Conv2d(WIDTH, WIDTH, 3, 2, 1, bias=False), nn.BatchNorm2d(WIDTH))
        cells = []
        before = channels = width = WIDTH
        halve_before = True  # between the two stems
        for index in range(CELLS):
            reduces = index in REDUCTIONS
            width *= 2 if reduces else 1
            cell = Cell(before, channels, width, reduces=reduces, halve_before=halve_before)
            cells.append(cell)
            before, channels = channels, cell.out_channels
            halve_before = reduces
        self.cells = nn.ModuleList(cells)
        self.head = MeanClassifier(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Classify images."""
        before = self.stem0(x)
        layer = self.stem1(before)
        for cell in self.cells:
            before, layer = layer, cell(before, layer)
        out: Tensor = self.head(layer)
        return out
