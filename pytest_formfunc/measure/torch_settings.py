"""PyTorch's settings of the whole process, which a user's model may change: kept between models, and set again.

A process that prepares several models must not hand one's settings to the next. A process that measures has one model,
whose settings stay as the model wants them, except for the number of threads: every engine has the same.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from pytest_formfunc.backends.torch_state import float32_precision
from pytest_formfunc.errors import MeasurementError


@contextlib.contextmanager
def kept_settings() -> Iterator[None]:
    """Set PyTorch's threads, default type, deterministic algorithms, precision of products and gradients back."""
    import torch

    kept: tuple[tuple[Callable[[Any], object], Any], ...] = (
        (torch.set_num_threads, torch.get_num_threads()),
        (torch.set_default_dtype, torch.get_default_dtype()),
        (_set_float32_precision, float32_precision()),
        (_set_deterministic, torch.get_deterministic_debug_mode()),
        (torch.set_grad_enabled, torch.is_grad_enabled()),
    )
    try:
        yield
    finally:
        for restore, value in kept:
            restore(value)


def set_threads_again(threads: int) -> None:
    """Set the number of threads again after a model was built and called, if PyTorch is in use."""
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


def check_threads(threads: int) -> None:
    """Check, after the calls that were timed, that they had the number of threads that the record says.

    Raises:
        MeasurementError: the model itself sets another number in its calls.
    """
    torch: Any = sys.modules.get("torch")
    if torch is not None and (found := torch.get_num_threads()) != threads:
        raise MeasurementError(
            f"the model sets the number of threads to {found} in its calls, and every engine is to have {threads}: set "
            f"--formfunc-threads {found} to compare with that number"
        )


def _set_float32_precision(precision: str) -> None:
    import torch

    # One that was set for each library apart is not set again: nobody but a model does that.
    torch.set_float32_matmul_precision(precision if precision in ("high", "medium") else "highest")


def _set_deterministic(mode: int) -> None:
    import torch

    if torch.get_deterministic_debug_mode() != mode:
        torch.set_deterministic_debug_mode(mode)
