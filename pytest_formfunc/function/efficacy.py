"""What the last-level cache is worth to a network: one definition, and three ways to find it.

    efficacy = 1 - bytes from memory in a repeated call / bytes from memory in a cold call

where a cold call is one that finds nothing of its own in the cache.
It is 1 where everything that a call needs is still in the cache from the call before, and 0 where that saves nothing.

- By counters: what a repeated call misses, in lines, over what the model says that a cold call fetches.
- By time: what a cold call takes longer than a repeated one, as bytes at the memory's bandwidth. An engine that fetches
  while it computes waits for less than it fetches, so this is a lower bound of what the cache spares.
- By a model: reuse distances of tensors (`pytest_formfunc.function.cache_model`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    """Return the least efficacy that explains what a cold call takes longer.

    Args:
        cold_s: seconds of a call that finds other data in the caches.
        repeated_s: seconds of a repeated call.
        bandwidth: of the memory, in bytes a second.
        cold_bytes: what a cold call fetches; more than 0.

    >>> by_time(3e-3, 2e-3, 10e9, 20e6)
    0.5
    """
    return (cold_s - repeated_s) * bandwidth / cold_bytes


WAYS = {"counters": "by counters", "cache": "by time, at least", "reuse": "by the model"}


def ways_of(observations: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each way says of one participant, by the words for it: a number, or an estimate as an object."""
    found = {words: observations.get(name) for name, words in WAYS.items()}
    return {words: one["efficacy"] for words, one in found.items() if isinstance(one, Mapping) and "efficacy" in one}
