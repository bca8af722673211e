"""Inception-v3: Rethinking the Inception Architecture for Computer Vision, https://arxiv.org/abs/1512.00567.

For images of 299x299; the auxiliary classifier, used in training only, is left out. Convolutions are unpadded where
those of the published network are.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pytest_formfunc.forms.architectures.head import ImageClassifier
from pytest_formfunc.forms.block import relu

Kernel = int | tuple[int, int]


def _conv(channels: int, width: int, kernel: Kernel, *, stride: int = 1, padded: bool = True) -> nn.Sequential:
    height, width_px = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (height // 2, width_px // 2) if padded else 0
    conv = nn.Conv2d(channels, width, (height, width_px), stride, padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width, eps=1e-3), relu())


def _chain(channels: int, *steps: tuple[int, Kernel]) -> nn.Sequential:
    """Stack convolutions, each given by its output channels and its kernel."""
    layers = []
    for width, kernel in steps:
        layers.append(_conv(channels, width, kernel))
        channels = width
    return nn.Sequential(*layers)


def _pooled(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.AvgPool2d(3, 1, 1), _conv(channels, width, 1))


class Branches(nn.Module):
    """Branches side by side, concatenated."""

    def __init__(self, branches: Sequence[nn.Module]) -> None:
        """Build the layers."""
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """Run every branch."""
        return torch.cat([branch(x) for branch in self.branches], 1)


class Fork(nn.Module):
    """A common trunk, then branches side by side, concatenated."""

    def __init__(self, trunk: nn.Module, branches: Sequence[nn.Module]) -> None:
        """Build the layers."""
        super().__init__()
        self.trunk = trunk
        self.branches = Branches(branches)

    def forward(self, x: Tensor) -> Tensor:
        """Run the trunk, then every branch."""
        out: Tensor = self.branches(self.trunk(x))
        return out


def _module_35(channels: int, pooled: int) -> nn.Module:
    return Branches(
        [
            _conv(channels, 64, 1),
            _chain(channels, (48, 1), (64, 5)),
            _chain(channels, (64, 1), (96, 3), (96, 3)),
            _pooled(channels, pooled),
        ]
    )


def _to_17(channels: int) -> nn.Module:
    deep = nn.Sequential(_chain(channels, (64, 1), (96, 3)), _conv(96, 96, 3, stride=2, padded=False))
    return Branches([_conv(channels, 384, 3, stride=2, padded=False), deep, nn.MaxPool2d(3, 2)])


def _module_17(channels: int, inner: int) -> nn.Module:
    return Branches(
        [
            _conv(channels, 192, 1),
            _chain(channels, (inner, 1), (inner, (1, 7)), (192, (7, 1))),
            _chain(channels, (inner, 1), (inner, (7, 1)), (inner, (1, 7)), (inner, (7, 1)), (192, (1, 7))),
            _pooled(channels, 192),
        ]
    )


def _to_8(channels: int) -> nn.Module:
    first = nn.Sequential(_conv(channels, 192, 1), _conv(192, 320, 3, stride=2, padded=False))
    second = nn.Sequential(
        _chain(channels, (192, 1), (192, (1, 7)), (192, (7, 1))), _conv(192, 192, 3, stride=2, padded=False)
    )
    return Branches([first, second, nn.MaxPool2d(3, 2)])


def _module_8(channels: int) -> nn.Module:
    return Branches(
        [
            _conv(channels, 320, 1),
            Fork(_conv(channels, 384, 1), [_conv(384, 384, (1, 3)), _conv(384, 384, (3, 1))]),
            Fork(_chain(channels, (448, 1), (384, 3)), [_conv(384, 384, (1, 3)), _conv(384, 384, (3, 1))]),
            _pooled(channels, 192),
        ]
    )


class InceptionV3(ImageClassifier):
    """A stem, then three, four and two modules at 35x35, 17x17 and 8x8 positions, a linear classifier."""

    def __init__(self) -> None:
        """Build the layers."""
        stem = [
            _conv(3, 32, 3, stride=2, padded=False), _conv(32, 32, 3, padded=False), _conv(32, 64, 3),
            nn.MaxPool2d(3, 2), _conv(64, 80, 1), _conv(80, 192, 3, padded=False), nn.MaxPool2d(3, 2),
        ]  # fmt: skip
        modules = [
            _module_35(192, 32), _module_35(256, 64), _module_35(288, 64), _to_17(288),
            _module_17(768, 128), _module_17(768, 160), _module_17(768, 160), _module_17(768, 192), _to_8(768),
            _module_8(1280), _module_8(2048),
        ]  # fmt: skip
        super().__init__(nn.Sequential(*stem, *modules), 2048)
