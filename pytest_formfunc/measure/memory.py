"""Whether a model fits into the memory that this process may use, before it is loaded."""

from __future__ import annotations

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.host import memory_limit
from pytest_formfunc.units import format_bytes


def check_memory(title: str, weight_bytes: int | None, copies: int) -> None:
    """Refuse a model whose weights alone, in all processes that hold them at a time, are larger than memory.

    Args:
        title: what it is called.
        weight_bytes: of its weights, or None where that is not known.
        copies: how many processes hold them at a time.

    Raises:
        MeasurementError: they do not fit; the sentence has the figures.
    """
    limit = memory_limit()
    if weight_bytes is not None and limit is not None and copies * weight_bytes > limit.bytes:
        raise MeasurementError(
            f"{title} does not fit: its weights need {format_bytes(weight_bytes)} in each of {copies} processes, and "
            f"there are {format_bytes(limit.bytes)} ({limit.origin})"
        )
