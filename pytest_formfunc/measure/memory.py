"""Check before a model is loaded whether it fits into the memory that this process may use."""

from __future__ import annotations

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.host import MemoryLimit, memory_limit
from pytest_formfunc.units import format_bytes

SERVER_BYTES = 150 << 20  # of a server by itself (`bench/test_quiet.py`)
FEWEST_SERVERS = 3
_SERVERS_SHARE = 0.25  # of the memory, for the servers of all processes that measure on a machine


def servers_that_fit(wanted: int, processes: int, limit: MemoryLimit | None) -> int:
    """Return how many servers each of several processes may have: as many as wanted, or fewer where memory is short.

    Args:
        wanted: number of servers that each would have.
        processes: number of processes.
        limit: the memory that all of them may use; None if unknown.

    >>> servers_that_fit(12, 2, MemoryLimit(24 << 30, "")), servers_that_fit(12, 16, MemoryLimit(24 << 30, ""))
    (12, 3)
    """
    if limit is None:
        return wanted
    return max(FEWEST_SERVERS, min(wanted, int(_SERVERS_SHARE * limit.bytes / SERVER_BYTES / processes)))


def check_memory(title: str, weight_bytes: int | None, copies: int) -> None:
    """Refuse a model if its weights, in all processes that hold them at the same time, exceed the available memory.

    Args:
        title: the model's name in sentences.
        weight_bytes: bytes of its weights, or None if unknown.
        copies: number of processes that hold the weights at the same time.

    Raises:
        MeasurementError: they do not fit; the message gives the figures.
    """
    limit = memory_limit()
    if weight_bytes is not None and limit is not None and copies * weight_bytes > limit.bytes:
        raise MeasurementError(
            f"{title} does not fit: its weights need {format_bytes(weight_bytes)} in each of {copies} processes, and "
            f"there are {format_bytes(limit.bytes)} ({limit.origin})"
        )
