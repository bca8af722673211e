"""A whole network of one pattern: a stem, the same block repeated, a classifier."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.block import Block, relu
from pytest_formfunc.forms.patterns import block_class, check_width
from pytest_formfunc.forms.stem import STEM_STRIDE, check_input_shape

CLASSES = 1000


class PatternNetwork(nn.Module):
    """``depth`` blocks of one pattern between a patch embedding and a linear classifier.

    The stem is the same small convolution for every pattern, so that only the body differs.

    Raises:
        BadInput: a depth below 1, a width that the pattern cannot take, or an unknown pattern.
    """

    def __init__(self, pattern_name: str, depth: int, width: int, in_channels: int = 3, classes: int = CLASSES) -> None:
        """Build the layers."""
        super().__init__()
        check_depth_and_width(pattern_name, depth, width)
        embed = nn.Conv2d(in_channels, width, kernel_size=STEM_STRIDE, stride=STEM_STRIDE, bias=False)
        self.stem = nn.Sequential(OrderedDict(conv=embed, bn=nn.BatchNorm2d(width), act=relu()))
        make_block = block_class(pattern_name)
        blocks: list[Block] = []
        channels = width
        for _ in range(depth):
            blocks.append(make_block(channels, width))
            channels = blocks[-1].out_channels
        self.body = nn.Sequential(*blocks)
        self.head = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Classify images ``(batch, channels, height, width)``."""
        features: Tensor = self.body(self.stem(x))
        logits: Tensor = self.head(features.mean((2, 3)))
        return logits


def count_network_params(pattern: str, depth: int, width: int, in_channels: int, classes: int) -> int:
    """Count the parameters of a `PatternNetwork`, by formula.

    Raises:
        BadInput: such a network cannot be built.
    """
    check_depth_and_width(pattern, depth, width)
    block = block_class(pattern)
    total = in_channels * STEM_STRIDE * STEM_STRIDE * width + 2 * width
    channels = width
    for _ in range(depth):
        total += block.count_params(channels, width)
        channels = block.count_out_channels(channels, width)
    return total + (channels + 1) * classes


def count_network_macs(pattern: str, depth: int, width: int, input_shape: Sequence[int], classes: int) -> int:
    """Count the multiply-accumulates of a `PatternNetwork` for a whole batch, by formula.

    Raises:
        BadInput: such a network cannot be built, or cannot take such an input.
    """
    check_depth_and_width(pattern, depth, width)
    check_input_shape(input_shape)
    batch, in_channels, height, width_px = input_shape
    height, width_px = height // STEM_STRIDE, width_px // STEM_STRIDE
    block = block_class(pattern)
    total = in_channels * STEM_STRIDE * STEM_STRIDE * width * height * width_px
    channels = width
    for _ in range(depth):
        total += block.count_macs(channels, width, height, width_px)
        channels = block.count_out_channels(channels, width)
    return batch * (total + channels * classes)


def check_depth_and_width(pattern: str, depth: int, width: int) -> None:
    """Check that a network of this pattern, depth and width can be built.

    Raises:
        BadInput: it cannot.
    """
    check_width(pattern, width)
    if depth < 1:
        raise BadInput(f"a network has at least one block, so its depth cannot be {depth}")
