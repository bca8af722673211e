"""What inputs the stem that all patterns share can take. Importing this loads no torch."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_formfunc.errors import BadInput

STEM_STRIDE = 4
"""Side of the stem's patches in pixels; the body works at the input's resolution divided by this."""


def check_input_shape(input_shape: Sequence[int]) -> None:
    """Check that a `PatternNetwork` can take an input of this shape.

    Raises:
        BadInput: it is not a batch of images, or the images are smaller than one patch of the stem.
    """
    shape = "x".join(map(str, input_shape))
    if len(input_shape) != 4 or min(input_shape) < 1:
        raise BadInput(f"a pattern takes images as batch x channels x height x width, not {shape}")
    if min(input_shape[2:]) < STEM_STRIDE:
        raise BadInput(
            f"images must be at least {STEM_STRIDE}x{STEM_STRIDE}, a patch of the stem, which {shape} is not"
        )
