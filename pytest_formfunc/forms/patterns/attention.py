"""Attention: every position attends to every other.

Attention Is All You Need, https://arxiv.org/abs/1706.03762
ViT: An Image is Worth 16x16 Words, https://arxiv.org/abs/2010.11929 (the norm comes before each branch)
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from pytest_formfunc.forms.block import Block, mark_branch_end, require_equal

HEAD_DIM = 32
EXPANSION = 4


class SelfAttention(nn.Module):
    """Multi-head self-attention of tokens ``(batch, tokens, width)``."""

    def __init__(self, width: int, head_dim: int = HEAD_DIM) -> None:
        """Build the layers."""
        super().__init__()
        self.heads = width // head_dim
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        mark_branch_end(self.project)

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix the tokens."""
        batch, count, width = tokens.shape
        qkv = self.qkv(tokens).reshape(batch, count, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.project(mixed.transpose(1, 2).reshape(batch, count, width))
        return out


class EncoderLayer(nn.Module):
    """Attention and a perceptron, each after a norm and added to its input; tokens ``(batch, tokens, width)``."""

    def __init__(self, width: int, *, head_dim: int = HEAD_DIM, expansion: int = EXPANSION, eps: float = 1e-5) -> None:
        """Build the layers."""
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.attention = SelfAttention(width, head_dim)
        self.norm2 = nn.LayerNorm(width, eps=eps)
        self.expand = nn.Linear(width, expansion * width)
        self.act = nn.GELU()
        self.project = nn.Linear(expansion * width, width)
        mark_branch_end(self.project)

    def forward(self, tokens: Tensor) -> Tensor:
        """Run the layer."""
        tokens = tokens + self.attention(self.norm1(tokens))
        out: Tensor = tokens + self.project(self.act(self.expand(self.norm2(tokens))))
        return out


class Attention(Block):
    """A ViT encoder block whose tokens are the positions of the feature map; there is no position embedding.

    The feature map comes in and goes out as ``(batch, channels, height, width)``, as for any other pattern.
    """

    def __init__(self, channels: int, width: int, *, head_dim: int = HEAD_DIM, expansion: int = EXPANSION) -> None:
        """Build the layers."""
        require_equal("an attention block", channels, width)
        super().__init__(channels, width)
        self.layer = EncoderLayer(width, head_dim=head_dim, expansion=expansion)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block."""
        tokens = self.layer(x.flatten(2).transpose(1, 2))
        out: Tensor = tokens.transpose(1, 2).reshape(x.shape)
        return out

    @staticmethod
    def count_params(channels: int, width: int) -> int:
        """Count two norms, four square matrices of attention, two of four times the width; biases throughout."""
        attention = 4 * width * width + 4 * width
        perceptron = 8 * width * width + 5 * width
        return 4 * width + attention + perceptron

    @staticmethod
    def count_macs(channels: int, width: int, height: int, width_px: int) -> int:
        """Count 12 width² per token for the matrices, and 2 width for each pair of tokens."""
        tokens = height * width_px
        return 12 * width * width * tokens + 2 * width * tokens * tokens
