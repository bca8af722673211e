"""What the last-level cache is worth to a network: one definition, and three ways to find it.

    efficacy = 1 - bytes from memory in a repeated call / bytes from memory in a cold call

where a cold call is one that finds nothing of its own in the cache.
It is 1 where everything that a call needs is still in the cache from the call before, and 0 where that saves nothing.

- By counters: what a repeated call misses, in lines, over what the model says that a cold call fetches.
- By time: what a cold call takes longer than a repeated one, as bytes at the memory's bandwidth. A call that fetches
  while it computes waits for less than it fetches, and one that cannot use the whole bandwidth for more.
- By a model: reuse distances of tensors (`pytest_formfunc.function.cache_model`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_formfunc.stats import median

LINE_BYTES = 64  # of a cache; x86-64 and most Arm processors


def efficacy_of(warm_bytes: float, cold_bytes: float) -> float:
    """Return the share of a cold call's traffic that a repeated call is spared; 1 where a cold call has none.

    >>> efficacy_of(25, 100)
    0.75
    """
    return 1 - warm_bytes / cold_bytes if cold_bytes else 1.0


def by_counters(misses: float, cold_bytes: float) -> float:
    """Return the efficacy from what a repeated call misses in the last level.

    Args:
        misses: lines that a call fetches from memory.
        cold_bytes: what a cold call fetches.
    """
    return efficacy_of(misses * LINE_BYTES, cold_bytes)


def by_time(cold_s: float, repeated_s: float, bandwidth: float, cold_bytes: float) -> float:
    """Return the efficacy that explains what a cold call takes longer, if it fetches at the memory's bandwidth.

    Args:
        cold_s: seconds of a call that finds other data in the caches.
        repeated_s: seconds of a repeated call.
        bandwidth: of the memory, in bytes a second.
        cold_bytes: what a cold call fetches; more than 0.

    >>> by_time(3e-3, 2e-3, 10e9, 20e6)
    0.5
    """
    return (cold_s - repeated_s) * bandwidth / cold_bytes


ENDS = 5, 3  # points at either end of a sweep that show its level there
CLEAR = 1.3  # how many times the speed beyond a cache that inside has to be


def cache_edge(speeds: Sequence[tuple[int, float]]) -> float | None:
    """Return where the speed of reading falls half of the way from its level inside the cache to that beyond it.

    Args:
        speeds: bytes that are read again and again, from few to many, and the speed of that.

    Returns:
        The bytes, between two sizes in proportion on the log scale; None where there is no clear fall.

    >>> round(cache_edge([(1, 40), (2, 40), (4, 40), (8, 40), (16, 40), (32, 10), (64, 10), (128, 10)]), 1)
    22.6
    """
    values = [speed for _, speed in speeds]
    if len(values) < sum(ENDS):
        return None
    inside, beyond = median(values[: ENDS[0]]), median(values[-ENDS[1] :])
    if inside < CLEAR * beyond:
        return None
    return crossing(speeds, (inside + beyond) / 2)


def crossing(points: Sequence[tuple[float, float]], level: float) -> float | None:
    """Return where a falling curve goes below a level for good; None if it never is above it, or to the end."""
    above = [at for at, (_, value) in enumerate(points) if value >= level]
    if not above or above[-1] + 1 == len(points):
        return None
    (size, value), (later_size, later) = points[above[-1]], points[above[-1] + 1]
    return float(size * (later_size / size) ** ((value - level) / (value - later)))


WAYS = {"counters": "by counters", "cache": "by time", "reuse": "by the model"}


def ways_of(observations: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each way says of one participant, by the words for it: a number, or an estimate as an object."""
    found = {words: observations.get(name) for name, words in WAYS.items()}
    return {words: one["efficacy"] for words, one in found.items() if isinstance(one, Mapping) and "efficacy" in one}
