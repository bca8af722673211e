"""DenseNet: Densely Connected Convolutional Networks, https://arxiv.org/abs/1608.06993 (DenseNet-BC-121, growth 32)."""

from __future__ import annotations

from torch import nn

from pytest_formfunc.forms.architectures.head import ImageClassifier
from pytest_formfunc.forms.block import conv_bn, relu
from pytest_formfunc.forms.patterns.dense import Dense

GROWTH = 32
STEM_WIDTH = 64
STAGES = (6, 12, 24, 16)


class DenseNet121(ImageClassifier):
    """Four stages of dense blocks; between them channels and resolution are halved."""

    def __init__(self) -> None:
        """Build the layers."""
        layers: list[nn.Module] = [conv_bn(3, STEM_WIDTH, 7, stride=2), nn.MaxPool2d(3, 2, 1)]
        channels = STEM_WIDTH
        for stage, depth in enumerate(STAGES):
            if stage:
                layers += [
                    nn.BatchNorm2d(channels), relu(), nn.Conv2d(channels, channels // 2, 1, bias=False),
                    nn.AvgPool2d(2, 2),
                ]  # fmt: skip
                channels //= 2
            for _ in range(depth):
                layers.append(Dense(channels, 2 * GROWTH, growth=GROWTH))
                channels += GROWTH
        super().__init__(nn.Sequential(*layers, nn.BatchNorm2d(channels), relu()), channels)
