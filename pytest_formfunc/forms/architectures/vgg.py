"""VGG: Very Deep Convolutional Networks for Large-Scale Image Recognition, https://arxiv.org/abs/1409.1556.

This is column D of the paper's table 1. The convolutions have biases and no norm, so they differ from the `Plain`
pattern's.
"""

from __future__ import annotations

from torch import Tensor, nn

from pytest_formfunc.forms.architectures.head import CLASSES
from pytest_formfunc.forms.block import relu

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and number of 3x3 convolutions of each stage; a 2x2 max pooling ends it."""
HIDDEN = 4096
GRID = 7


class VGG16(nn.Module):
    """Thirteen convolutions and three linear layers."""

    def __init__(self) -> None:
        """Build the layers."""
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width, count in STAGES:
            for _ in range(count):
                layers += [nn.Conv2d(channels, width, 3, padding=1), relu()]
                channels = width
            layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(GRID)
        self.classifier = nn.Sequential(
            nn.Linear(channels * GRID * GRID, HIDDEN), relu(), nn.Linear(HIDDEN, HIDDEN), relu(),
            nn.Linear(HIDDEN, CLASSES),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Classify images."""
        out: Tensor = self.classifier(self.pool(self.features(x)).flatten(1))
        return out
