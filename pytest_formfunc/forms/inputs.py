"""Reproducible inputs, made from a seed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

COARSE_CELLS = (3, 6, 12)
"""Sides of grids of random values that are upsampled to the image; each weighs half as much as the previous one."""
NOISE = 0.2
"""Standard deviation of the added white noise; that of the pattern is about 1."""
INTEGER_BOUND = 10
"""Random integers lie below this."""


def seeded_input(shape: Sequence[int], dtype: torch.dtype, seed: int) -> Tensor:
    """Make a random input: image-like for four axes of floats, else normal values, or integers from 0 to 9.

    White noise is unsuitable for images: a network that ends in a mean over all positions averages it away, so that
    any two inputs give the same output and comparing outputs proves nothing. Photographs differ in large shapes,
    brightness and contrast, and so do these images.

    Args:
        shape: shape of the tensor; four axes are read as batch, channels, height, width.
        dtype: type of the tensor.
        seed: different seeds give clearly different inputs. The global generator is not used.
    """
    generator = torch.Generator().manual_seed(seed)
    if dtype == torch.bool:
        return torch.randint(0, 2, tuple(shape), generator=generator).to(dtype)
    if not (dtype.is_floating_point or dtype.is_complex):
        return torch.randint(0, INTEGER_BOUND, tuple(shape), generator=generator).to(dtype)
    if len(shape) != 4:
        return torch.randn(tuple(shape), generator=generator).to(dtype)
    return _image_like(shape, generator).to(dtype)


def vary(example: Tensor, seed: int) -> Tensor:
    """Make a tensor similar to an example.

    Floats are drawn anew with the example's mean and standard deviation. Integers are the example's own in another
    order, because a new index might be out of range for an embedding.
    """
    if example.numel() == 0:
        return example
    if example.dtype.is_floating_point:
        drawn = seeded_input(example.shape, torch.float32, seed)
        like = example.float()
        if example.numel() > 1:
            drawn = (drawn - drawn.mean()) / drawn.std()
            return (like.mean() + like.std() * drawn).to(example.dtype)
        return (like + drawn * like.abs()).to(example.dtype)
    order = torch.randperm(example.numel(), generator=torch.Generator().manual_seed(seed))
    return example.flatten()[order].reshape(example.shape)


def _image_like(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    batch, channels, height, width_px = shape
    image = NOISE * torch.randn(batch, channels, height, width_px, generator=generator)
    offset = torch.randn(batch, channels, 1, 1, generator=generator)
    contrast = 0.5 + torch.rand(batch, channels, 1, 1, generator=generator)
    weight = 1.0
    for cells in COARSE_CELLS:
        grid = torch.randn(batch, channels, cells, cells, generator=generator)
        grown = F.interpolate(grid, (height, width_px), mode="bilinear", align_corners=True)
        image = image + weight * contrast * grown
        weight /= 2
    return image + offset
