"""Channel shuffle: compute on half of the channels, then interleave both halves.

ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design, https://arxiv.org/abs/1807.11164
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pytest_formfunc.forms.block import Block, conv_bn, require_equal

GROUPS = 2


class ChannelShuffle(Block):
    """One half is unchanged; the other goes through 1x1, depthwise 3x3, 1x1; then both are interleaved.

    With a stride (in the unit that begins a stage) the input is not split: both branches read all of it.
    """

    def __init__(self, channels: int, width: int, *, stride: int = 1) -> None:
        """Build the layers."""
        super().__init__(channels, width)
        self.splits = stride == 1
        half = width // 2
        if self.splits:
            require_equal("a channel-shuffle unit without stride", channels, width)
        read = half if self.splits else channels
        self.branch = nn.Sequential(
            conv_bn(read, half),
            conv_bn(half, half, 3, stride=stride, groups=half, activation=None),
            conv_bn(half, half),
        )
        self.passing: nn.Module = nn.Identity()
        if not self.splits:
            self.passing = nn.Sequential(
                conv_bn(channels, channels, 3, stride=stride, groups=channels, activation=None),
                conv_bn(channels, half),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        left, right = x.chunk(2, 1) if self.splits else (x, x)
        return shuffle(torch.cat((self.passing(left), self.branch(right)), 1), GROUPS)

    @staticmethod
    def count_params(channels: int, width: int) -> int:
        """Count two 1x1 and a depthwise 3x3 on half the channels, with three norms."""
        half = width // 2
        return 2 * half * half + 9 * half + 6 * half

    @staticmethod
    def count_macs(channels: int, width: int, height: int, width_px: int) -> int:
        """Count two 1x1 and a depthwise 3x3 on half the channels."""
        half = width // 2
        return (2 * half * half + 9 * half) * height * width_px


def shuffle(x: Tensor, groups: int) -> Tensor:
    """Reorder the channels so that neighbours come from different groups."""
    batch, channels, height, width_px = x.shape
    dealt = x.reshape(batch, groups, channels // groups, height, width_px).transpose(1, 2)
    return dealt.reshape(batch, channels, height, width_px)
