"""How most networks end: the mean over all positions, and a linear layer."""

from __future__ import annotations

from torch import Tensor, nn

CLASSES = 1000


class MeanClassifier(nn.Module):
    """Features ``(batch, channels, height, width)`` in, logits ``(batch, classes)`` out."""

    def __init__(self, channels: int, classes: int = CLASSES) -> None:
        """Build the layer."""
        super().__init__()
        self.linear = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Classify."""
        out: Tensor = self.linear(x.mean((2, 3)))
        return out


class ImageClassifier(nn.Module):
    """Layers that make features of images, and a `MeanClassifier`: what most networks are."""

    def __init__(self, features: nn.Module, channels: int) -> None:
        """Take the features' layers, and how many channels come out of them."""
        super().__init__()
        self.features = features
        self.head = MeanClassifier(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Classify images."""
        out: Tensor = self.head(self.features(x))
        return out
