"""Operations on the edges of searched cells.

The NASNet family and DARTS share them. A separable convolution is [ReLU, depthwise, 1x1, batch norm] twice.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def relu_conv_bn(channels: int, width: int, *, stride: int = 1) -> nn.Sequential:
    """Stack ReLU, a 1x1 convolution and batch norm."""
    return nn.Sequential(nn.ReLU(), nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))


def separable(channels: int, width: int, kernel_size: int, *, stride: int = 1) -> nn.Sequential:
    """Stack depthwise and 1x1 convolution twice; only the first has the stride."""
    return nn.Sequential(*_depthwise(channels, width, kernel_size, stride), *_depthwise(width, width, kernel_size, 1))


def dilated(width: int, kernel_size: int, *, stride: int = 1) -> nn.Sequential:
    """Stack ReLU, a depthwise convolution of dilation 2, a 1x1 convolution and batch norm."""
    return nn.Sequential(*_depthwise(width, width, kernel_size, stride, dilation=2))


def _depthwise(channels: int, width: int, kernel_size: int, stride: int, dilation: int = 1) -> list[nn.Module]:
    padding = dilation * (kernel_size // 2)
    return [
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel_size, stride, padding, dilation, groups=channels, bias=False),
        nn.Conv2d(channels, width, 1, bias=False),
        nn.BatchNorm2d(width),
    ]


def one_by_seven(width: int, *, stride: int = 1) -> nn.Sequential:
    """Stack a bottleneck with a 1x7 and a 7x1 convolution on a quarter of the channels."""
    inner = width // 4
    layers: list[nn.Module] = []
    for channels, out, kernel_size, step in (
        (width, inner, (1, 1), (1, 1)), (inner, inner, (1, 7), (1, stride)), (inner, inner, (7, 1), (stride, 1)),
        (inner, width, (1, 1), (1, 1)),
    ):  # fmt: skip
        padding = (kernel_size[0] // 2, kernel_size[1] // 2)
        layers += [
            nn.ReLU(), nn.Conv2d(channels, out, kernel_size, step, padding, bias=False), nn.BatchNorm2d(out),
        ]  # fmt: skip
    return nn.Sequential(*layers)


def pool(kind: str, *, stride: int = 1) -> nn.Module:
    """Make a 3x3 pooling layer, maximum or mean; the mean excludes padding."""
    if kind == "max":
        return nn.MaxPool2d(3, stride, 1)
    return nn.AvgPool2d(3, stride, 1, count_include_pad=False)


class FactorizedReduce(nn.Module):
    """Halve the resolution by two strided 1x1 convolutions, one shifted by a position; concatenate, batch norm.

    Args:
        channels: number of channels in.
        width: number of channels out.
        rectified: whether a ReLU comes first.
    """

    def __init__(self, channels: int, width: int, *, rectified: bool = True) -> None:
        """Build the layers."""
        super().__init__()
        self.act: nn.Module = nn.ReLU() if rectified else nn.Identity()
        self.first = nn.Conv2d(channels, width // 2, 1, 2, bias=False)
        self.second = nn.Conv2d(channels, width - width // 2, 1, 2, bias=False)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Halve the resolution, rounded up."""
        x = self.act(x)
        shifted = F.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        out: Tensor = self.bn(torch.cat((self.first(x), self.second(shifted)), 1))
        return out
