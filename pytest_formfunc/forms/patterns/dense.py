"""Dense connections: every block reads the outputs of all blocks before it.

DenseNet: Densely Connected Convolutional Networks, https://arxiv.org/abs/1608.06993 (DenseNet-B's layer)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pytest_formfunc.forms.block import Block, relu

INNER_PER_GROWTH = 4


class Dense(Block):
    """Norm, ReLU, 1x1 to 4k, norm, ReLU, 3x3 to k; the k new channels are appended to the input.

    Args:
        channels: number of channels in; ``channels + k`` go out.
        width: the network's width.
        growth: k; half the width by default.
    """

    def __init__(self, channels: int, width: int, *, growth: int | None = None) -> None:
        """Build the layers."""
        super().__init__(channels, width)
        growth = width // 2 if growth is None else growth
        self.out_channels = channels + growth
        inner = INNER_PER_GROWTH * growth
        self.norm1 = nn.BatchNorm2d(channels)
        self.act1 = relu()
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(inner)
        self.act2 = relu()
        self.conv2 = nn.Conv2d(inner, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        inner = self.conv1(self.act1(self.norm1(x)))
        new = self.conv2(self.act2(self.norm2(inner)))
        return torch.cat((x, new), 1)

    @staticmethod
    def count_out_channels(channels: int, width: int) -> int:
        """Return the number of channels in plus half the width."""
        return channels + width // 2

    @staticmethod
    def count_params(channels: int, width: int) -> int:
        """Count two norms and two convolutions."""
        growth = width // 2
        return 2 * channels + channels * 4 * growth + 2 * 4 * growth + 9 * 4 * growth * growth

    @staticmethod
    def count_macs(channels: int, width: int, height: int, width_px: int) -> int:
        """Count two convolutions."""
        growth = width // 2
        return (channels * 4 * growth + 9 * 4 * growth * growth) * height * width_px
