"""The registry of macro-architecture patterns. Importing this loads no torch.

Add a pattern in two steps: a file (or a class in its family's file) and one entry in `PATTERNS`. Its tests, its options
and its row in the report follow from the entry. Other packages add theirs without editing this file: docs/extending.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_formfunc.errors import BadInput, MeasurementError
from pytest_formfunc.forms.loading import load_entry
from pytest_formfunc.registry import Table

if TYPE_CHECKING:
    from pytest_formfunc.forms.block import Block


@dataclass(frozen=True)
class PatternEntry:
    """One pattern: its name, the class of its block, and which widths it takes."""

    name: str
    target: str
    """``module:ClassName``; the module is relative to this package, or absolute for an added pattern."""
    width_multiple: int = 1
    """A width must be a positive multiple of this number of channels."""


PATTERNS: tuple[PatternEntry, ...] = (
    PatternEntry("plain", "plain:Plain", 1),
    PatternEntry("pointwise", "plain:Pointwise", 1),
    PatternEntry("bottleneck", "bottleneck:Bottleneck", 4),
    PatternEntry("residual", "residual:Residual", 1),
    PatternEntry("residual_bottleneck", "bottleneck:ResidualBottleneck", 4),
    PatternEntry("grouped_residual_bottleneck", "bottleneck:GroupedResidualBottleneck", 8),
    PatternEntry("depthwise_separable", "depthwise:DepthwiseSeparable", 1),
    PatternEntry("depthwise_bottleneck", "depthwise:DepthwiseBottleneck", 1),
    PatternEntry("residual_depthwise_bottleneck", "depthwise:ResidualDepthwiseBottleneck", 1),
    PatternEntry("dense", "dense:Dense", 2),
    PatternEntry("multi_branch", "inception:MultiBranch", 16),
    PatternEntry("fire", "fire:Fire", 8),
    PatternEntry("channel_shuffle", "shuffle:ChannelShuffle", 2),
    PatternEntry("squeeze_excitation_bottleneck", "squeeze_excitation:SqueezeExcitationBottleneck", 16),
    PatternEntry("large_kernel_depthwise", "convnext:LargeKernelDepthwise", 1),
    PatternEntry("attention", "attention:Attention", 32),
)

TABLE = Table("pattern", PATTERNS)


def pattern_names() -> tuple[str, ...]:
    """List all names in their fixed order, added ones last.

    >>> pattern_names()[:3]
    ('plain', 'pointwise', 'bottleneck')
    """
    return TABLE.names()


def pattern_entry(name: str) -> PatternEntry:
    """Return the entry of a pattern.

    Raises:
        BadInput: there is none of that name.
    """
    return TABLE.entry(name)


def check_width(name: str, width: int) -> None:
    """Check that the pattern can be built at this width (channels between its blocks).

    Raises:
        BadInput: it cannot; the message says which widths it takes.
    """
    multiple = pattern_entry(name).width_multiple
    if width < 1 or width % multiple:
        takes = "any width from 1 up" if multiple == 1 else f"widths that are multiples of {multiple}"
        raise BadInput(f"pattern {name!r} takes {takes}, not {width}")


def block_class(name: str) -> type[Block]:
    """Import the pattern's block, which loads torch.

    Raises:
        BadInput: there is no pattern of that name.
        MeasurementError: the target of an added pattern does not import, or is not a `Block`.
    """
    found: type[Block] = load_entry(TABLE, name, __name__)
    if TABLE.is_added(name):
        from pytest_formfunc.forms.block import Block

        if not (isinstance(found, type) and issubclass(found, Block)):
            target = pattern_entry(name).target
            raise MeasurementError(
                f"pattern {name!r} ({target}) must be a subclass of pytest_formfunc.forms.block.Block"
            )
    return found
