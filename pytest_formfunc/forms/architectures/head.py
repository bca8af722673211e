"""The end of most networks: the mean over all positions, and a linear layer."""

from __future__ import annotations

from torch import Tensor, nn

CLASSES = 1000


class MeanClassifier(nn.Module):
    """Map features ``(batch, channels, height, width)`` to logits ``(batch, classes)``."""

    def __init__(self, channels: int, classes: int = CLASSES) -> None:
        """Build the layer."""
        super().__init__()
        self.linear = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Classify."""
        out: Tensor = self.linear(x.mean((2, 3)))
        return out


class ImageClassifier(nn.Module):
    """Layers that extract features of images, followed by a `MeanClassifier`."""

    def __init__(self, features: nn.Module, channels: int) -> None:
        """Take the layers and the number of channels of their output."""
        super().__init__()
        self.features = features
        self.head = MeanClassifier(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Classify images."""
        out: Tensor = self.head(self.features(x))
        return out
