"""Refuse latencies that no call has, before anything is planned or estimated with them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_formfunc.errors import MeasurementError


def check_times(seconds: Sequence[float]) -> None:
    """Refuse latencies of calls that are NaN, infinite, 0 or less.

    Args:
        seconds: the latencies, in seconds.

    Raises:
        MeasurementError: one is; the sentence names it and says what may be the cause.
    """
    for one in seconds:
        if not 0 < one < math.inf:
            raise MeasurementError(_sentence(one))


def _sentence(seconds: float) -> str:
    code = "code of the model or of the engine"
    if seconds == 0:
        return f"the clock stood still: a call took 0 s; it is too coarse for this model, or {code} replaces it"
    if seconds < 0:
        return f"the clock went back: a call took {seconds:.3g} s; {code} may replace it"
    return f"the clock gave no time: a call took {seconds} s; {code} may replace it"
