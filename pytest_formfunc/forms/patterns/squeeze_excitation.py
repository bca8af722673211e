"""Squeeze-and-excitation: channels weighted by what the whole image contains.

Squeeze-and-Excitation Networks, https://arxiv.org/abs/1709.01507
"""

from __future__ import annotations

from torch import Tensor, nn

from pytest_formfunc.forms.block import Activation, relu
from pytest_formfunc.forms.patterns.bottleneck import ResidualBottleneck

REDUCTION = 16


class SqueezeExcitation(nn.Module):
    """Mean over the image, two small layers, and a factor between 0 and 1 for each channel."""

    def __init__(
        self, channels: int, squeezed: int, *, activation: Activation = relu, gate: Activation = nn.Sigmoid
    ) -> None:
        """Build the layers."""
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.act = activation()
        self.excite = nn.Conv2d(squeezed, channels, 1)
        self.gate = gate()

    def forward(self, x: Tensor) -> Tensor:
        """Multiply each channel by its factor."""
        mean = x.mean((2, 3), keepdim=True)
        gate: Tensor = self.gate(self.excite(self.act(self.squeeze(mean))))
        return x * gate


class SqueezeExcitationBottleneck(ResidualBottleneck):
    """SE-ResNet's block: the residual bottleneck with a factor for each channel before the addition."""

    def __init__(self, channels: int, width: int, *, stride: int = 1) -> None:
        """Build the layers."""
        super().__init__(channels, width, stride=stride)
        self.attend = SqueezeExcitation(width, width // REDUCTION)

    @staticmethod
    def count_params(channels: int, width: int) -> int:
        """Count as for the residual bottleneck, and two layers with bias."""
        squeezed = width // 16
        gate = 2 * width * squeezed + squeezed + width
        return ResidualBottleneck.count_params(channels, width) + gate

    @staticmethod
    def count_macs(channels: int, width: int, height: int, width_px: int) -> int:
        """Count as for the residual bottleneck, and two layers at one position."""
        gate = 2 * width * (width // 16)
        return ResidualBottleneck.count_macs(channels, width, height, width_px) + gate
