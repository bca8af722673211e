"""ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design, https://arxiv.org/abs/1807.11164 (1x)."""

from __future__ import annotations

from torch import nn

from pytest_formfunc.forms.architectures.head import ImageClassifier
from pytest_formfunc.forms.block import conv_bn
from pytest_formfunc.forms.patterns.shuffle import ChannelShuffle

STEM_WIDTH = 24
STAGES = ((116, 4), (232, 8), (464, 4))
LAST_WIDTH = 1024


class ShuffleNetV2(ImageClassifier):
    """A stem, three stages whose first unit halves the resolution, a 1x1 convolution, a linear classifier."""

    def __init__(self) -> None:
        """Build the layers."""
        layers: list[nn.Module] = [conv_bn(3, STEM_WIDTH, 3, stride=2), nn.MaxPool2d(3, 2, 1)]
        channels = STEM_WIDTH
        for width, depth in STAGES:
            for index in range(depth):
                layers.append(ChannelShuffle(channels, width, stride=1 if index else 2))
                channels = width
        super().__init__(nn.Sequential(*layers, conv_bn(channels, LAST_WIDTH)), LAST_WIDTH)
