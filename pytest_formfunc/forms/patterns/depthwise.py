"""Depthwise convolutions: positions and channels are mixed separately.

MobileNet-V1: https://arxiv.org/abs/1704.04861
MobileNet-V2: Inverted Residuals and Linear Bottlenecks, https://arxiv.org/abs/1801.04381
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from pytest_formfunc.forms.block import Activation, Block, conv_bn, relu, relu6

EXPANSION = 6


class DepthwiseSeparable(Block):
    """MobileNet-V1's block: depthwise 3x3, then 1x1; batch norm and ReLU after each."""

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
        self.depthwise = conv_bn(channels, channels, kernel_size, stride=stride, groups=channels, activation=activation)
        self.pointwise = conv_bn(channels, width, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        out: Tensor = self.pointwise(self.depthwise(x))
        return out

    @staticmethod
    def count_params(channels: int, width: int) -> int:
        """Count 9 taps per channel, all pairs of channels, two norms."""
        return 9 * channels + channels * width + 2 * channels + 2 * width

    @staticmethod
    def count_macs(channels: int, width: int, height: int, width_px: int) -> int:
        """Count 9 taps per channel and all pairs of channels at each position."""
        return (9 * channels + channels * width) * height * width_px


class DepthwiseBottleneck(Block):
    """1x1 to six times the channels, depthwise 3x3, 1x1 back without activation; by default without addition.

    Args:
        channels: number of channels in.
        width: number of channels out.
        expansion: inner channels as a multiple of ``channels``; at 1 there is no first 1x1 convolution.
        kernel_size: kernel size of the depthwise convolution.
        stride: stride of the depthwise convolution.
        activation: activation after the first two convolutions.
        residual: whether the input is added where the shape allows it.
        inner: inner channels, where they are not a multiple of ``channels``.
        attend: makes a layer between depthwise convolution and projection, given the inner channels.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        *,
        expansion: int = EXPANSION,
        kernel_size: int = 3,
        stride: int = 1,
        activation: Activation = relu6,
        residual: bool = False,
        inner: int | None = None,
        attend: Callable[[int], nn.Module] | None = None,
    ) -> None:
        """Build the layers."""
        super().__init__(channels, width)
        inner = expansion * channels if inner is None else inner
        self.adds = residual and stride == 1 and channels == width
        self.expand: nn.Module = nn.Identity()
        if inner != channels:
            self.expand = conv_bn(channels, inner, activation=activation)
        self.depthwise = conv_bn(inner, inner, kernel_size, stride=stride, groups=inner, activation=activation)
        self.attend: nn.Module = nn.Identity() if attend is None else attend(inner)
        self.project = conv_bn(inner, width, activation=None, ends_branch=self.adds)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        out: Tensor = self.project(self.attend(self.depthwise(self.expand(x))))
        return x + out if self.adds else out

    @staticmethod
    def count_params(channels: int, width: int) -> int:
        """Count expansion, depthwise convolution and projection, and their norms."""
        inner = 6 * channels
        return channels * inner + 9 * inner + inner * width + 2 * (2 * inner + width)

    @staticmethod
    def count_macs(channels: int, width: int, height: int, width_px: int) -> int:
        """Count expansion, depthwise convolution and projection."""
        inner = 6 * channels
        return (channels * inner + 9 * inner + inner * width) * height * width_px


class ResidualDepthwiseBottleneck(DepthwiseBottleneck):
    """MobileNet-V2's inverted residual: the depthwise bottleneck with its input added where shapes allow."""

    def __init__(
        self,
        channels: int,
        width: int,
        *,
        expansion: int = EXPANSION,
        kernel_size: int = 3,
        stride: int = 1,
        activation: Activation = relu6,
        inner: int | None = None,
        attend: Callable[[int], nn.Module] | None = None,
    ) -> None:
        """Build the layers."""
        super().__init__(
            channels,
            width,
            expansion=expansion,
            kernel_size=kernel_size,
            stride=stride,
            activation=activation,
            residual=True,
            inner=inner,
            attend=attend,
        )
