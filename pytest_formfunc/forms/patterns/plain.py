"""Plain convolutions, one after another.

VGG: Very Deep Convolutional Networks for Large-Scale Image Recognition, https://arxiv.org/abs/1409.1556
Network In Network (for the 1x1 convolution), https://arxiv.org/abs/1312.4400
"""

from __future__ import annotations

from torch import Tensor

from pytest_formfunc.forms.block import Activation, Block, conv_bn, relu


class Plain(Block):
    """A square convolution (3x3), batch norm, ReLU."""

    def __init__(
        self,
        channels: int,
        width: int,
        *,
        kernel_size: int = 3,
        stride: int = 1,
        activation: Activation = relu,
    ) -> None:
        """Build the layers."""
        super().__init__(channels, width)
        self.conv = conv_bn(channels, width, kernel_size, stride=stride, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        out: Tensor = self.conv(x)
        return out

    @staticmethod
    def count_params(channels: int, width: int) -> int:
        """Count 9 taps for each pair of channels, and the norm."""
        return 9 * channels * width + 2 * width

    @staticmethod
    def count_macs(channels: int, width: int, height: int, width_px: int) -> int:
        """Count 9 taps for each pair of channels at each position."""
        return 9 * channels * width * height * width_px


class Pointwise(Plain):
    """A 1x1 convolution, batch norm, ReLU: it mixes channels only."""

    def __init__(self, channels: int, width: int, *, stride: int = 1, activation: Activation = relu) -> None:
        """Build the layers."""
        super().__init__(channels, width, kernel_size=1, stride=stride, activation=activation)

    @staticmethod
    def count_params(channels: int, width: int) -> int:
        """Count 1 tap for each pair of channels, and the norm."""
        return channels * width + 2 * width

    @staticmethod
    def count_macs(channels: int, width: int, height: int, width_px: int) -> int:
        """Count 1 tap for each pair of channels at each position."""
        return channels * width * height * width_px
