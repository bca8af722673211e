"""GoogLeNet: Going Deeper with Convolutions, https://arxiv.org/abs/1409.4842 (table 1), with batch norm throughout.

The two auxiliary classifiers, used in training only, are left out. The third branch is a 5x5 convolution, as in the
paper; torchvision's network of that name has a 3x3 there.
"""

from __future__ import annotations

from torch import nn

from pytest_formfunc.forms.architectures.head import ImageClassifier
from pytest_formfunc.forms.block import conv_bn
from pytest_formfunc.forms.patterns.inception import BranchWidths, MultiBranch

STAGES = (
    (BranchWidths(64, 96, 128, 16, 32, 32), BranchWidths(128, 128, 192, 32, 96, 64)),
    (
        BranchWidths(192, 96, 208, 16, 48, 64),
        BranchWidths(160, 112, 224, 24, 64, 64),
        BranchWidths(128, 128, 256, 24, 64, 64),
        BranchWidths(112, 144, 288, 32, 64, 64),
        BranchWidths(256, 160, 320, 32, 128, 128),
    ),
    (BranchWidths(256, 160, 320, 32, 128, 128), BranchWidths(384, 192, 384, 48, 128, 128)),
)


class GoogLeNet(ImageClassifier):
    """Three convolutions, nine multi-branch modules, a linear classifier."""

    def __init__(self) -> None:
        """Build the layers."""
        layers: list[nn.Module] = [
            conv_bn(3, 64, 7, stride=2), nn.MaxPool2d(3, 2, ceil_mode=True), conv_bn(64, 64), conv_bn(64, 192, 3),
        ]  # fmt: skip
        channels = 192
        for stage in STAGES:
            layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            for widths in stage:
                module = MultiBranch(channels, channels, branches=widths)
                layers.append(module)
                channels = module.out_channels
        super().__init__(nn.Sequential(*layers), channels)
