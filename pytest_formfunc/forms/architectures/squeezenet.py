"""SqueezeNet: https://arxiv.org/abs/1602.07360, version 1.1 of its authors' repository."""

from __future__ import annotations

from torch import Tensor, nn

from pytest_formfunc.forms.architectures.head import CLASSES
from pytest_formfunc.forms.block import relu
from pytest_formfunc.forms.patterns.fire import Fire

STAGES = (((128, 16), (128, 16)), ((256, 32), (256, 32)), ((384, 48), (384, 48), (512, 64), (512, 64)))
"""Output and squeezed channels of each fire module; a 3x3 max pooling comes before each stage."""
STEM_WIDTH = 64


class SqueezeNet(nn.Module):
    """A 3x3 stem, eight fire modules, a 1x1 convolution as classifier, and the mean over all positions."""

    def __init__(self) -> None:
        """Build the layers."""
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, STEM_WIDTH, 3, stride=2), relu()]
        channels = STEM_WIDTH
        for stage in STAGES:
            layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            for width, squeezed in stage:
                layers.append(Fire(channels, width, squeezed=squeezed))
                channels = width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Conv2d(channels, CLASSES, 1), relu())

    def forward(self, x: Tensor) -> Tensor:
        """Classify images."""
        out: Tensor = self.classifier(self.features(x)).mean((2, 3))
        return out
