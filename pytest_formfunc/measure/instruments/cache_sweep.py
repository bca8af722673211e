"""Where the cache ends for this process, now: the speed of reading more and more bytes again and again.

The size that the kernel gives is the whole cache's. Neighbours of a virtual machine take their part of it, and other
cores do, and nothing but the speed shows how much is left.
"""

from __future__ import annotations

import time

from pytest_formfunc.function.efficacy import cache_edge
from pytest_formfunc.stats import quantile

WIDTH = 512  # columns of the matrix that is read, by multiplying it with a vector
FROM, STEPS_OF_TWO, DOUBLINGS = 1 / 8, 3, 4  # of the cache's size, steps for each doubling
WARM_UP, CALLS = 2, 8
_FLOAT_BYTES = 4


def sweep_sizes(llc_bytes: int) -> list[int]:
    """Return the numbers of bytes to read, from an eighth of a cache's size to twice it."""
    return [int(llc_bytes * FROM * 2 ** (step / STEPS_OF_TWO)) for step in range(DOUBLINGS * STEPS_OF_TWO + 1)]


def reading_speed(size: int, calls: int = CALLS) -> float:
    """Return the bytes a second of reading so many bytes again and again, by products with a vector."""
    import torch

    rows = max(1, size // WIDTH // _FLOAT_BYTES)
    matrix, vector = torch.ones(rows, WIDTH), torch.ones(WIDTH)
    taken = []
    with torch.inference_mode():
        for _ in range(WARM_UP + calls):
            began = time.perf_counter_ns()
            torch.mv(matrix, vector)
            taken.append(time.perf_counter_ns() - began)
    return rows * WIDTH * _FLOAT_BYTES / (quantile(taken[WARM_UP:], 0.25) / 1e9)


def measured_cache(llc_bytes: int) -> int | None:
    """Return where the speed of reading falls, in bytes; None where it does not show an edge. Half a second."""
    edge = cache_edge([(size, reading_speed(size)) for size in sweep_sizes(llc_bytes)])
    return None if edge is None else int(edge)
