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


def vary(example: Tensor, seed: int, *, alone: bool = True) -> Tensor:
    """Make a tensor similar to an example, which a network takes if it takes the example.

    Floats are drawn anew with the example's mean, standard deviation and range, so that what was positive stays so.
    Infinities stay where they are. Integers are drawn from the example's own values, because any other might be out of
    range for an embedding; if there is only one, which is above zero, from zero up to it. What has a meaning that a
    drawn tensor would lose stays as it is: positions that count up, and, beside other tensors, masks (truth values, or
    floats that are only zero and one, or zero and infinite).

    Args:
        example: the tensor that the user gave.
        seed: different seeds give different tensors.
        alone: whether the call has no other tensor, so that this one must change if anything is to.
    """
    if example.numel() == 0 or (not alone and _is_mask(example)):
        return example
    generator = torch.Generator().manual_seed(seed)
    if example.dtype.is_complex:
        parts = torch.view_as_real(example.resolve_conj())
        real, imaginary = (_vary_floats(parts[..., part], seed + part) for part in (0, 1))
        return torch.complex(real, imaginary).to(example.dtype)
    if example.dtype.is_floating_point:
        return _vary_floats(example, seed)
    if example.dtype == torch.bool:
        order = torch.randperm(example.numel(), generator=generator)
        return example.flatten()[order].reshape(example.shape)
    return _vary_integers(example, generator)


def _vary_floats(example: Tensor, seed: int) -> Tensor:
    like, finite = example.float(), example.isfinite()
    values = like[finite]
    if not values.numel():
        return example
    low, high = float(values.min()), float(values.max())
    if low == high:  # a constant: zero may become anything, all others keep sign and size
        drawn = seeded_input(example.shape, torch.float32, seed)
        drawn = drawn if low == 0 else low * (1 + 0.5 * torch.tanh(drawn))
    else:
        drawn = seeded_input(example.shape, torch.float32, seed)
        drawn = (drawn - drawn.mean()) / drawn.std().clamp_min(1e-6)
        drawn = (values.mean() + values.std() * drawn).clamp(low, high)
    return _as_laid_out(torch.where(finite, drawn, like).to(example.dtype), example)


def _vary_integers(example: Tensor, generator: torch.Generator) -> Tensor:
    flat = example.flatten().long()
    known = torch.tensor(sorted(set(flat.tolist())))
    if example.dim() and _counts_up(example):
        return example
    if len(known) == 1:
        only = int(known[0])
        if only <= 0:
            return example
        drawn = torch.randint(0, only + 1, tuple(example.shape), generator=generator)
    else:
        drawn = known[torch.randint(0, len(known), tuple(example.shape), generator=generator)]
        if example.dim() == 1 and bool((flat.diff() >= 0).all()):  # offsets, or anything else that must be sorted
            drawn = drawn.sort().values
            drawn[0] = flat[0]
    return _as_laid_out(drawn.to(example.dtype), example)


def _counts_up(example: Tensor) -> bool:
    """Return whether the last axis counts up by one, as positions do."""
    return example.shape[-1] > 1 and bool((example.long().diff(dim=-1) == 1).all())


def _is_mask(example: Tensor) -> bool:
    if example.dtype == torch.bool:
        return True
    if not example.dtype.is_floating_point:
        return False
    finite = example[example.isfinite()]
    if len(finite) < example.numel():
        return bool((finite == 0).all())
    return bool(((example == 0) | (example == 1)).all()) and bool((example != example.flatten()[0]).any())


def _as_laid_out(drawn: Tensor, example: Tensor) -> Tensor:
    """Return the drawn values with the example's order of axes in memory."""
    if example.is_contiguous():
        return drawn
    return torch.empty_like(example, memory_format=torch.preserve_format).copy_(drawn)


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
