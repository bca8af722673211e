"""The stem that every pattern shares, as far as names need to know it: nothing here loads torch."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_formfunc.errors import BadInput

STEM_STRIDE = 4
"""Pixels on a side of the stem's patches; the body works at the input's resolution divided by it."""


def check_input_shape(input_shape: Sequence[int]) -> None:
    """Make sure that a `PatternNetwork` can read such an input.

    Raises:
        BadInput: it is no batch of images, or the images are smaller than one patch of the stem.
    """
    shape = "x".join(map(str, input_shape))
    if len(input_shape) != 4 or min(input_shape) < 1:
        raise BadInput(f"a pattern takes images as batch x channels x height x width, not {shape}")
    if min(input_shape[2:]) < STEM_STRIDE:
        raise BadInput(
            f"images must be at least {STEM_STRIDE}x{STEM_STRIDE}, a patch of the stem, which {shape} is not"
        )
