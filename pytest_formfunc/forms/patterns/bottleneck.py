"""Bottlenecks: spatial mixing in fewer channels than the block has in and out.

ResNet: Deep Residual Learning for Image Recognition, https://arxiv.org/abs/1512.03385
ResNeXt: Aggregated Residual Transformations for Deep Neural Networks, https://arxiv.org/abs/1611.05431
"""

from __future__ import annotations

from torch import Tensor, nn

from pytest_formfunc.forms.block import (
    Block,
    conv_bn,
    count_shortcut_macs,
    count_shortcut_params,
    relu,
    shortcut,
)

REDUCTION = 4
GROUPED_REDUCTION = 2
CHANNELS_PER_GROUP = 4
"""As in the first stage of ResNeXt-50 32x4d; a wider block has more groups, not larger ones."""


class Bottleneck(Block):
    """1x1 convolution down to a quarter, 3x3, 1x1 up again; batch norm and ReLU after each."""

    def __init__(self, channels: int, width: int, *, stride: int = 1) -> None:
        """Build the layers."""
        super().__init__(channels, width)
        inner = width // REDUCTION
        self.reduce = conv_bn(channels, inner)
        self.spatial = conv_bn(inner, inner, 3, stride=stride)
        self.expand = conv_bn(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        out: Tensor = self.expand(self.spatial(self.reduce(x)))
        return out

    @staticmethod
    def count_params(channels: int, width: int) -> int:
        """Count three convolutions and their norms."""
        inner = width // 4
        return channels * inner + 9 * inner * inner + inner * width + 2 * (2 * inner + width)

    @staticmethod
    def count_macs(channels: int, width: int, height: int, width_px: int) -> int:
        """Count three convolutions."""
        inner = width // 4
        return (channels * inner + 9 * inner * inner + inner * width) * height * width_px


class ResidualBottleneck(Block):
    """The bottleneck with its input added before the last ReLU.

    Args:
        channels: number of channels in; where it differs from ``width``, the shortcut is a projection.
        width: number of channels out.
        stride: stride of the 3x3 convolution and of the projection.
        inner: channels of the 3x3 convolution; a quarter of the width by default.
        groups: groups of the 3x3 convolution.
    """

    def __init__(
        self, channels: int, width: int, *, stride: int = 1, inner: int | None = None, groups: int = 1
    ) -> None:
        """Build the layers."""
        super().__init__(channels, width)
        inner = width // REDUCTION if inner is None else inner
        self.reduce = conv_bn(channels, inner)
        self.spatial = conv_bn(inner, inner, 3, stride=stride, groups=groups)
        self.expand = conv_bn(inner, width, activation=None, ends_branch=True)
        self.attend: nn.Module = nn.Identity()
        """A layer between branch and addition, such as squeeze-and-excitation."""
        self.shortcut = shortcut(channels, width, stride)
        self.act = relu()

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        branch = self.attend(self.expand(self.spatial(self.reduce(x))))
        out: Tensor = self.act(branch + self.shortcut(x))
        return out

    @staticmethod
    def count_params(channels: int, width: int) -> int:
        """Count as for the bottleneck, and the shortcut."""
        return Bottleneck.count_params(channels, width) + count_shortcut_params(channels, width)

    @staticmethod
    def count_macs(channels: int, width: int, height: int, width_px: int) -> int:
        """Count as for the bottleneck, and the shortcut."""
        return Bottleneck.count_macs(channels, width, height, width_px) + count_shortcut_macs(
            channels, width, height, width_px
        )


class GroupedResidualBottleneck(ResidualBottleneck):
    """The residual bottleneck with half the width inside, and a 3x3 convolution in groups of four channels."""

    def __init__(self, channels: int, width: int, *, stride: int = 1) -> None:
        """Build the layers."""
        inner = width // GROUPED_REDUCTION
        super().__init__(channels, width, stride=stride, inner=inner, groups=inner // CHANNELS_PER_GROUP)

    @staticmethod
    def count_params(channels: int, width: int) -> int:
        """Count as for the residual bottleneck, with 9 taps on each of 4 channels for each inner channel."""
        inner = width // 2
        branch = channels * inner + 9 * inner * 4 + inner * width + 2 * (2 * inner + width)
        return branch + count_shortcut_params(channels, width)

    @staticmethod
    def count_macs(channels: int, width: int, height: int, width_px: int) -> int:
        """Count as for the residual bottleneck, with 9 taps on each of 4 channels for each inner channel."""
        inner = width // 2
        branch = (channels * inner + 9 * inner * 4 + inner * width) * height * width_px
        return branch + count_shortcut_macs(channels, width, height, width_px)
