"""Divide work among machines or processes, and say how long it takes: pure functions."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

MOST_PARTS = 100_000


def balance(durations: Mapping[str, float], parts: int) -> list[list[str]]:
    """Divide pieces of work into parts of about equal duration; the same input gives the same parts on every machine.

    The longest piece first, each to the part that has the least so far (Graham, SIAM Journal on Applied Mathematics 17,
    1969: the longest part is at most 4/3 of the shortest possible one).

    Args:
        durations: seconds of each piece, by name.
        parts: number of parts; some are empty where there are fewer pieces.

    Returns:
        The names of each part, in the order of ``durations``.

    >>> balance({"a": 5, "b": 4, "c": 3, "d": 3}, 2)
    [['a', 'd'], ['b', 'c']]
    """
    loads = [(0.0, part) for part in range(parts)]
    chosen: dict[str, int] = {}
    for name in sorted(durations, key=lambda one: (-durations[one], one)):
        load, part = heapq.heappop(loads)
        chosen[name] = part
        heapq.heappush(loads, (load + durations[name], part))
    return [[name for name in durations if chosen[name] == part] for part in range(parts)]


def fill_gaps(names: Sequence[str], known: Mapping[str, float], sizes: Mapping[str, int]) -> dict[str, float]:
    """Return a duration for each piece of work: the known one, or the mean of the known ones for pieces of its size.

    Args:
        names: the pieces.
        known: seconds, by name; may lack some and have others.
        sizes: how much there is in each piece, such as its number of tests.
    """
    of_names = {name: known[name] for name in names if known.get(name, 0) > 0}
    size = sum(sizes[name] for name in of_names)
    each = sum(of_names.values()) / size if size else 1.0
    return {name: of_names.get(name, each * sizes[name]) for name in names}


def wall_seconds(
    preparing: Mapping[str, float],
    measuring: Mapping[str, float],
    hosts: int,
    starting_s: float = 0.0,
    workers: int = 1,
) -> float:
    """Predict how long a run takes on a number of machines, each of which has an equal part of it.

    A machine prepares with all of its workers side by side, and measures one piece after another.

    Args:
        preparing: seconds to prepare each piece, by name.
        measuring: seconds to measure each.
        hosts: number of machines.
        starting_s: seconds until a machine begins with the first piece.
        workers: processes of each machine that prepare side by side, on a core each.

    >>> wall_seconds({"a": 4.0, "b": 4.0}, {"a": 10.0, "b": 6.0}, hosts=1, workers=2)
    20.0
    >>> wall_seconds({"a": 4.0, "b": 4.0}, {"a": 10.0, "b": 6.0}, hosts=2, starting_s=1.0)
    15.0
    """
    whole = {name: preparing[name] + measuring[name] for name in measuring}
    longest = 0.0
    for part in balance(whole, hosts):
        prepared = [sum(preparing[name] for name in one) for one in balance({n: preparing[n] for n in part}, workers)]
        longest = max(longest, max(prepared, default=0.0) + sum(measuring[name] for name in part))
    return starting_s + longest
