"""Waves of thread blocks on a graphics card: the widths that end one, and which tile explains steps that were found.

A product of matrices, and a convolution computed as one, gives each thread block a tile of the output, and the card
computes as many blocks at a time as it has multiprocessors: a wave. A width whose tiles begin another wave pays for all
of it (NVIDIA, *Matrix Multiplication Background User's Guide*, "Tile Quantization" and "Wave Quantization").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

# Rows and columns of the output tiles of cuBLAS, as that guide lists them.
TILES = ((256, 128), (128, 256), (128, 128), (256, 64), (64, 256), (128, 64), (64, 128), (64, 64))
LEAST_AGREEMENT = 0.75  # of an explanation: twice the widths in both / those found and those expected


@dataclass(frozen=True)
class Explanation:
    """Which tile explains the steps of a staircase.

    Attributes:
        tile: rows and columns of the output that a thread block computes.
        expected: the last widths of its waves.
        agreement: twice the widths that were both found and expected / those found and those expected; 1 is perfect.
    """

    tile: tuple[int, int]
    expected: tuple[int, ...]
    agreement: float


def waves(rows: int, width: int, tile: tuple[int, int], multiprocessors: int) -> int:
    """Return how many waves a layer takes.

    Args:
        rows: of its output as a matrix: pixels of all images of the batch.
        width: its output channels.
        tile: rows and columns that a thread block computes.
        multiprocessors: of the card; each computes one block at a time.

    >>> waves(12544, 64, (128, 64), 108), waves(12544, 65, (128, 64), 108)
    (1, 2)
    """
    blocks = -(-rows // tile[0]) * -(-width // tile[1])
    return -(-blocks // multiprocessors)


def last_of_waves(rows: int, widths: Sequence[int], tile: tuple[int, int], multiprocessors: int) -> tuple[int, ...]:
    """Return those of some widths, in order, after which the next one takes another wave.

    >>> last_of_waves(12544, range(48, 145, 16), (128, 64), 108)
    (64, 128)
    """
    taken = [waves(rows, width, tile, multiprocessors) for width in widths]
    return tuple(width for width, (now, then) in zip(widths, pairwise(taken), strict=False) if then > now)


def explain_steps(found: Sequence[int], rows: int, widths: Sequence[int], multiprocessors: int) -> Explanation | None:
    """Return the tile whose waves agree best with the steps that were found, or None if none agrees well enough.

    Args:
        found: the last widths before a step.
        rows: of the layers' output as a matrix.
        widths: those that were measured, in order.
        multiprocessors: of the card.
    """
    best: Explanation | None = None
    for tile in TILES:
        expected = last_of_waves(rows, widths, tile, multiprocessors)
        if not found or not expected:
            continue
        agreement = 2 * len({*found} & {*expected}) / (len({*found}) + len(expected))
        if agreement >= LEAST_AGREEMENT and (best is None or agreement > best.agreement):
            best = Explanation(tile, expected, agreement)
    return best
