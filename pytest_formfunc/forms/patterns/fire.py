"""Fire modules: squeeze to few channels, then expand by two kernel sizes.

SqueezeNet: https://arxiv.org/abs/1602.07360
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pytest_formfunc.forms.block import Block, relu


class Fire(Block):
    """1x1 down to an eighth, then a 1x1 and a 3x3 that give half the width each; biases and ReLU, no norm.

    Args:
        channels: number of channels in.
        width: number of channels out.
        squeezed: channels in the middle; an eighth of the width by default.
    """

    def __init__(self, channels: int, width: int, *, squeezed: int | None = None) -> None:
        """Build the layers."""
        super().__init__(channels, width)
        squeezed = width // 8 if squeezed is None else squeezed
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.squeeze_act = relu()
        self.expand1 = nn.Conv2d(squeezed, width // 2, 1)
        self.expand1_act = relu()
        self.expand3 = nn.Conv2d(squeezed, width // 2, 3, padding=1)
        self.expand3_act = relu()

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        few = self.squeeze_act(self.squeeze(x))
        return torch.cat((self.expand1_act(self.expand1(few)), self.expand3_act(self.expand3(few))), 1)

    @staticmethod
    def count_params(channels: int, width: int) -> int:
        """Count three convolutions with bias."""
        squeezed, half = width // 8, width // 2
        return (channels + 1) * squeezed + (squeezed + 1) * half + (9 * squeezed + 1) * half

    @staticmethod
    def count_macs(channels: int, width: int, height: int, width_px: int) -> int:
        """Count three convolutions."""
        squeezed, half = width // 8, width // 2
        return (channels * squeezed + 10 * squeezed * half) * height * width_px
