"""ViT: An Image is Worth 16x16 Words, https://arxiv.org/abs/2010.11929; the small one of DeiT, https://arxiv.org/abs/2012.12877.

It uses the encoder block of the `Attention` pattern, but on a sequence that includes a class token.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pytest_formfunc.forms.architectures.head import CLASSES
from pytest_formfunc.forms.patterns.attention import EncoderLayer

WIDTH = 384
DEPTH = 12
HEAD_DIM = 64
PATCH = 16
GRID = 14


class ViTSmall16(nn.Module):
    """Patches of 16x16 pixels, a class token, learnt positions, twelve encoder blocks; for images of 224x224."""

    def __init__(self) -> None:
        """Build the layers."""
        super().__init__()
        self.embed = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        generator = torch.Generator().manual_seed(0)
        self.class_token = nn.Parameter(torch.randn(1, 1, WIDTH, generator=generator))
        self.positions = nn.Parameter(0.2 * torch.randn(1, GRID * GRID + 1, WIDTH, generator=generator))
        self.layers = nn.Sequential(*(EncoderLayer(WIDTH, head_dim=HEAD_DIM, eps=1e-6) for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Classify images."""
        patches = self.embed(x).flatten(2).transpose(1, 2)
        tokens = torch.cat((self.class_token.expand(len(x), -1, -1), patches), 1) + self.positions
        out: Tensor = self.head(self.norm(self.layers(tokens))[:, 0])
        return out
