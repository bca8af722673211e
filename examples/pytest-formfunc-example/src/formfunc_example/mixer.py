"""MLP-Mixer: perceptrons mix tokens and channels in turn. https://arxiv.org/abs/2105.01601."""

from torch import Tensor, nn

PATCH = 16
TOKENS = (224 // PATCH) ** 2
CLASSES = 1000


def perceptron(width: int, hidden: int) -> nn.Sequential:
    """Stack a linear layer, GELU and a linear layer back, over the last axis."""
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))


class MixerBlock(nn.Module):
    """A perceptron over the tokens, then one over the channels, each with a shortcut."""

    def __init__(self, width: int, token_hidden: int, channel_hidden: int) -> None:
        """Build the layers from the channels of a token and the two hidden sizes."""
        super().__init__()
        self.token_norm = nn.LayerNorm(width)
        self.tokens = perceptron(TOKENS, token_hidden)
        self.channel_norm = nn.LayerNorm(width)
        self.channels = perceptron(width, channel_hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Mix ``(batch, tokens, width)`` without changing the shape."""
        x = x + self.tokens(self.token_norm(x).transpose(1, 2)).transpose(1, 2)
        y: Tensor = x + self.channels(self.channel_norm(x))
        return y


class MixerSmall16(nn.Module):
    """Mixer-S/16 for images of 224x224: eight blocks, 512 channels; hidden sizes 256 and 2048."""

    def __init__(self) -> None:
        """Build the layers."""
        super().__init__()
        width = 512
        self.embed = nn.Conv2d(3, width, PATCH, PATCH)
        self.blocks = nn.Sequential(*(MixerBlock(width, 256, 2048) for _ in range(8)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Classify images ``(batch, 3, 224, 224)``."""
        tokens = self.embed(x).flatten(2).transpose(1, 2)
        logits: Tensor = self.head(self.norm(self.blocks(tokens)).mean(1))
        return logits
