"""The clock that budgets and waits are measured by."""

from __future__ import annotations

import time


def now_s() -> float:
    """Return the seconds of Linux' monotonic clock, which no one sets.

    Libraries that let time stand still in tests (freezegun, time-machine) replace ``time.monotonic``: a budget of it
    would never end.
    """
    return time.clock_gettime(time.CLOCK_MONOTONIC)
