"""A depthwise convolution with a large kernel, then a perceptron at each position.

ConvNeXt: A ConvNet for the 2020s, https://arxiv.org/abs/2201.03545
"""

from __future__ import annotations

from torch import Tensor, nn

from pytest_formfunc.forms.block import Block, LayerScale, require_equal

EXPANSION = 4
LAYER_NORM_EPS = 1e-6


class LargeKernelDepthwise(Block):
    """Depthwise 7x7, layer norm, linear to four times the channels, GELU, linear back, scale, addition."""

    def __init__(self, channels: int, width: int, *, kernel_size: int = 7, expansion: int = EXPANSION) -> None:
        """Build the layers."""
        require_equal("a ConvNeXt block", channels, width)
        super().__init__(channels, width)
        self.depthwise = nn.Conv2d(width, width, kernel_size, padding=kernel_size // 2, groups=width)
        self.norm = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.expand = nn.Linear(width, expansion * width)
        self.act = nn.GELU()
        self.project = nn.Linear(expansion * width, width)
        self.scale = LayerScale(width)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        positions = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        branch: Tensor = self.scale(self.project(self.act(self.expand(positions))))
        return x + branch.permute(0, 3, 1, 2)

    @staticmethod
    def count_params(channels: int, width: int) -> int:
        """Count 49 taps and a bias per channel, the norm, two linear layers with bias, the scale."""
        perceptron = width * 4 * width + 4 * width + 4 * width * width + width
        return 50 * width + 2 * width + perceptron + width

    @staticmethod
    def count_macs(channels: int, width: int, height: int, width_px: int) -> int:
        """Count 49 taps per channel and two linear layers."""
        return (49 * width + 8 * width * width) * height * width_px
