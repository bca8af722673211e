"""Residual blocks: two convolutions, with the input added to their output.

ResNet: Deep Residual Learning for Image Recognition, https://arxiv.org/abs/1512.03385
"""

from __future__ import annotations

from torch import Tensor

from pytest_formfunc.forms.block import (
    Block,
    conv_bn,
    count_shortcut_macs,
    count_shortcut_params,
    relu,
    shortcut,
)


class Residual(Block):
    """ResNet's basic block: 3x3, ReLU, 3x3, addition, ReLU; batch norm after each convolution."""

    def __init__(self, channels: int, width: int, *, stride: int = 1) -> None:
        """Build the layers."""
        super().__init__(channels, width)
        self.first = conv_bn(channels, width, 3, stride=stride)
        self.second = conv_bn(width, width, 3, activation=None, ends_branch=True)
        self.shortcut = shortcut(channels, width, stride)
        self.act = relu()

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        out: Tensor = self.act(self.second(self.first(x)) + self.shortcut(x))
        return out

    @staticmethod
    def count_params(channels: int, width: int) -> int:
        """Count two convolutions with norms, and the shortcut."""
        branch = 9 * channels * width + 9 * width * width + 4 * width
        return branch + count_shortcut_params(channels, width)

    @staticmethod
    def count_macs(channels: int, width: int, height: int, width_px: int) -> int:
        """Count two convolutions, and the shortcut."""
        branch = 9 * width * (channels + width) * height * width_px
        return branch + count_shortcut_macs(channels, width, height, width_px)
