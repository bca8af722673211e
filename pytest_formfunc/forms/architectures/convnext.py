"""ConvNeXt: A ConvNet for the 2020s, https://arxiv.org/abs/2201.03545 (tiny)."""

from __future__ import annotations

from torch import Tensor, nn

from pytest_formfunc.forms.architectures.head import CLASSES
from pytest_formfunc.forms.patterns.convnext import LAYER_NORM_EPS, LargeKernelDepthwise

STAGES = ((96, 3), (192, 3), (384, 9), (768, 3))


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of ``(batch, channels, height, width)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each position."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtTiny(nn.Module):
    """A patch embedding, four stages with a strided convolution between, a norm and a linear classifier."""

    def __init__(self) -> None:
        """Build the layers."""
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width, depth in STAGES:
            if layers:
                layers += [ChannelNorm(channels, eps=LAYER_NORM_EPS), nn.Conv2d(channels, width, 2, 2)]
            else:
                layers += [nn.Conv2d(channels, width, 4, 4), ChannelNorm(width, eps=LAYER_NORM_EPS)]
            layers += [LargeKernelDepthwise(width, width) for _ in range(depth)]
            channels = width
        self.features = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(channels, eps=LAYER_NORM_EPS)
        self.head = nn.Linear(channels, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Classify images."""
        out: Tensor = self.head(self.norm(self.features(x).mean((2, 3))))
        return out
