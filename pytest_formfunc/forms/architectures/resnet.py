"""Residual networks.

ResNet: Deep Residual Learning for Image Recognition, https://arxiv.org/abs/1512.03385 (the bottleneck's stride on its
3x3, "v1.5"); Wide Residual Networks, https://arxiv.org/abs/1605.07146; ResNeXt: Aggregated Residual Transformations,
https://arxiv.org/abs/1611.05431
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from pytest_formfunc.forms.architectures.head import MeanClassifier
from pytest_formfunc.forms.block import Block, conv_bn
from pytest_formfunc.forms.patterns.bottleneck import ResidualBottleneck
from pytest_formfunc.forms.patterns.residual import Residual

STEM_WIDTH = 64
MakeBlock = Callable[[int, int, int], Block]
"""Makes a block from channels in, channels out and stride."""


class ResNet(nn.Module):
    """A 7x7 stem, four stages that halve the resolution from the second on, a linear classifier."""

    def __init__(self, make_block: MakeBlock, widths: Sequence[int], depths: Sequence[int]) -> None:
        """Build the layers."""
        super().__init__()
        self.stem = nn.Sequential(conv_bn(3, STEM_WIDTH, 7, stride=2), nn.MaxPool2d(3, 2, 1))
        blocks: list[nn.Module] = []
        channels = STEM_WIDTH
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            for index in range(depth):
                blocks.append(make_block(channels, width, 2 if stage and not index else 1))
                channels = width
        self.body = nn.Sequential(*blocks)
        self.head = MeanClassifier(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Classify images."""
        out: Tensor = self.head(self.body(self.stem(x)))
        return out


class ResNet18(ResNet):
    """Eight basic blocks."""

    def __init__(self) -> None:
        """Build the layers."""
        super().__init__(_basic, (64, 128, 256, 512), (2, 2, 2, 2))


class ResNet50(ResNet):
    """Sixteen bottlenecks."""

    def __init__(self) -> None:
        """Build the layers."""
        super().__init__(_bottleneck, (256, 512, 1024, 2048), (3, 4, 6, 3))


class WideResNet50(ResNet):
    """ResNet-50 with 3x3 convolutions of twice the channels."""

    def __init__(self) -> None:
        """Build the layers."""
        super().__init__(_wide_bottleneck, (256, 512, 1024, 2048), (3, 4, 6, 3))


class ResNeXt50(ResNet):
    """ResNet-50 with 3x3 convolutions of twice the channels in 32 groups (32x4d)."""

    def __init__(self) -> None:
        """Build the layers."""
        super().__init__(_grouped_bottleneck, (256, 512, 1024, 2048), (3, 4, 6, 3))


def _basic(channels: int, width: int, stride: int) -> Block:
    return Residual(channels, width, stride=stride)


def _bottleneck(channels: int, width: int, stride: int) -> Block:
    return ResidualBottleneck(channels, width, stride=stride)


def _wide_bottleneck(channels: int, width: int, stride: int) -> Block:
    return ResidualBottleneck(channels, width, stride=stride, inner=width // 2)


def _grouped_bottleneck(channels: int, width: int, stride: int) -> Block:
    return ResidualBottleneck(channels, width, stride=stride, inner=width // 2, groups=32)
