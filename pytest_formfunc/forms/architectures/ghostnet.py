"""GhostNet: More Features from Cheap Operations, https://arxiv.org/abs/1911.11907 (1x)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pytest_formfunc.forms.architectures.head import CLASSES
from pytest_formfunc.forms.architectures.mobile import nearest_multiple
from pytest_formfunc.forms.block import Activation, conv_bn, relu
from pytest_formfunc.forms.patterns.squeeze_excitation import SqueezeExcitation

STEM_WIDTH = 16
# Kernel, channels inside, channels out, squeeze-and-excitation, stride.
STAGES = (
    (3, 16, 16, False, 1), (3, 48, 24, False, 2), (3, 72, 24, False, 1), (5, 72, 40, True, 2), (5, 120, 40, True, 1),
    (3, 240, 80, False, 2), (3, 200, 80, False, 1), (3, 184, 80, False, 1), (3, 184, 80, False, 1),
    (3, 480, 112, True, 1), (3, 672, 112, True, 1), (5, 672, 160, True, 2), (5, 960, 160, False, 1),
    (5, 960, 160, True, 1), (5, 960, 160, False, 1), (5, 960, 160, True, 1),
)  # fmt: skip
LAST_WIDTH = 960
HIDDEN = 1280


class GhostModule(nn.Module):
    """Half of the channels come from a 1x1 convolution, the other half from those by a depthwise 3x3."""

    def __init__(self, channels: int, width: int, *, activation: Activation | None = relu) -> None:
        """Build the layers."""
        super().__init__()
        half = width // 2
        self.primary = conv_bn(channels, half, activation=activation)
        self.cheap = conv_bn(half, half, 3, groups=half, activation=activation)

    def forward(self, x: Tensor) -> Tensor:
        """Make both halves."""
        primary = self.primary(x)
        return torch.cat((primary, self.cheap(primary)), 1)


class GhostBottleneck(nn.Module):
    """Expanding ghost module, depthwise if strided, gate if any, projecting ghost module; the input is added."""

    def __init__(self, channels: int, inner: int, width: int, kernel_size: int, *, gated: bool, stride: int) -> None:
        """Build the layers."""
        super().__init__()
        layers: list[nn.Module] = [GhostModule(channels, inner)]
        if stride > 1:
            layers.append(conv_bn(inner, inner, kernel_size, stride=stride, groups=inner, activation=None))
        if gated:
            layers.append(SqueezeExcitation(inner, nearest_multiple(inner / 4, 4), gate=nn.Hardsigmoid))
        layers.append(GhostModule(inner, width, activation=None))
        self.branch = nn.Sequential(*layers)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels != width:
            self.shortcut = nn.Sequential(
                conv_bn(channels, channels, kernel_size, stride=stride, groups=channels, activation=None),
                conv_bn(channels, width, activation=None),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        out: Tensor = self.branch(x) + self.shortcut(x)
        return out


class GhostNet(nn.Module):
    """A stem, sixteen ghost bottlenecks, a 1x1 convolution, and two layers after the mean."""

    def __init__(self) -> None:
        """Build the layers."""
        super().__init__()
        layers: list[nn.Module] = [conv_bn(3, STEM_WIDTH, 3, stride=2)]
        channels = STEM_WIDTH
        for kernel_size, inner, width, gated, stride in STAGES:
            layers.append(GhostBottleneck(channels, inner, width, kernel_size, gated=gated, stride=stride))
            channels = width
        self.features = nn.Sequential(*layers, conv_bn(channels, LAST_WIDTH))
        self.hidden = nn.Sequential(nn.Conv2d(LAST_WIDTH, HIDDEN, 1), relu())
        self.head = nn.Linear(HIDDEN, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Classify images."""
        mean = self.features(x).mean((2, 3), keepdim=True)
        out: Tensor = self.head(self.hidden(mean).flatten(1))
        return out
