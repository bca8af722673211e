"""Inception modules: several kernel sizes side by side.

GoogLeNet: Going Deeper with Convolutions, https://arxiv.org/abs/1409.4842 (module 3a, with batch norm as in
https://arxiv.org/abs/1502.03167)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pytest_formfunc.forms.block import Block, conv_bn


@dataclass(frozen=True)
class BranchWidths:
    """Channels of each branch; the outputs ``one``, ``three``, ``five`` and ``pooled`` are concatenated."""

    one: int
    three_reduced: int
    three: int
    five_reduced: int
    five: int
    pooled: int

    @classmethod
    def from_width(cls, width: int) -> BranchWidths:
        """Divide a width among the branches as module 3a divides its 256: 64, 96 to 128, 16 to 32, 32."""
        sixteenth = width // 16
        return cls(
            one=4 * sixteenth,
            three_reduced=6 * sixteenth,
            three=8 * sixteenth,
            five_reduced=sixteenth,
            five=2 * sixteenth,
            pooled=2 * sixteenth,
        )


class MultiBranch(Block):
    """Four branches, concatenated: 1x1; 1x1 and 3x3; 1x1 and 5x5; 3x3 max pooling and 1x1."""

    def __init__(self, channels: int, width: int, *, branches: BranchWidths | None = None) -> None:
        """Build the layers."""
        super().__init__(channels, width)
        b = BranchWidths.from_width(width) if branches is None else branches
        self.out_channels = b.one + b.three + b.five + b.pooled
        self.one = conv_bn(channels, b.one)
        self.three = nn.Sequential(conv_bn(channels, b.three_reduced), conv_bn(b.three_reduced, b.three, 3))
        self.five = nn.Sequential(conv_bn(channels, b.five_reduced), conv_bn(b.five_reduced, b.five, 5))
        self.pooled = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), conv_bn(channels, b.pooled))

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        return torch.cat((self.one(x), self.three(x), self.five(x), self.pooled(x)), 1)

    @staticmethod
    def count_params(channels: int, width: int) -> int:
        """Count four 1x1 that read the input, the 3x3, the 5x5; norms of the output and of the two reductions."""
        s = width // 16
        return channels * 13 * s + 9 * 6 * s * 8 * s + 25 * s * 2 * s + 2 * (16 * s + 7 * s)

    @staticmethod
    def count_macs(channels: int, width: int, height: int, width_px: int) -> int:
        """Count four 1x1 that read the input (4 + 6 + 1 + 2 sixteenths), the 3x3 and the 5x5."""
        s = width // 16
        return (channels * 13 * s + 9 * 6 * s * 8 * s + 25 * s * 2 * s) * height * width_px
