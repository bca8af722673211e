"""Check before a model is loaded whether it fits into the memory that this process may use."""

from __future__ import annotations

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.host import memory_limit
from pytest_formfunc.units import format_bytes


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
