"""A square convolution split into two: 3x1, then 1x3.

Rethinking the Inception Architecture for Computer Vision, https://arxiv.org/abs/1512.00567, section 3.2: a third less
arithmetic than a 3x3 convolution with the same receptive field.
"""

from torch import Tensor, nn

from pytest_formfunc.forms.block import Block

TAPS = 3


class Asymmetric(Block):
    """3x1 convolution, batch norm, ReLU; 1x3 convolution, batch norm, ReLU. The resolution does not change."""

    def __init__(self, channels: int, width: int) -> None:
        """Build the layers from ``channels`` channels in to ``width`` channels out."""
        super().__init__(channels, width)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, (TAPS, 1), padding=(TAPS // 2, 0), bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, (1, TAPS), padding=(0, TAPS // 2), bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, channels, height, width)`` to ``(batch, self.out_channels, height, width)``."""
        features: Tensor = self.layers(x)
        return features

    @staticmethod
    def count_params(channels: int, width: int) -> int:
        """Count both convolutions' weights, and two numbers per channel of each batch norm."""
        return TAPS * width * (channels + width) + 4 * width

    @staticmethod
    def count_macs(channels: int, width: int, height: int, width_px: int) -> int:
        """Count each weight of a convolution once for every position."""
        return TAPS * width * (channels + width) * height * width_px
