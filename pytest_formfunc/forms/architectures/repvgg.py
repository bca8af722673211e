"""RepVGG: Making VGG-style ConvNets Great Again, https://arxiv.org/abs/2101.03697 (A0, the form that is deployed).

It is trained with branches and deployed as 3x3 convolutions with bias and ReLU. Norms are folded, so its blocks differ
from the `Plain` pattern's.
"""

from __future__ import annotations

from torch import nn

from pytest_formfunc.forms.architectures.head import ImageClassifier
from pytest_formfunc.forms.block import relu

STAGES = ((48, 1), (48, 2), (96, 4), (192, 14), (1280, 1))


class RepVGGA0(ImageClassifier):
    """Twenty-two convolutions; the first of each stage halves the resolution."""

    def __init__(self) -> None:
        """Build the layers."""
        layers: list[nn.Module] = []
        channels = 3
        for width, depth in STAGES:
            for index in range(depth):
                layers += [nn.Conv2d(channels, width, 3, 1 if index else 2, 1), relu()]
                channels = width
        super().__init__(nn.Sequential(*layers), channels)
