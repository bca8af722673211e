"""Wait until an engine's threads sleep, so that the other engine's turn has the cores to itself.

After a parallel region libgomp's and TBB's threads spin before they sleep, for a time that depends on the processor:
libgomp counts ``PAUSE`` instructions, which last a few cycles on one processor and over a hundred on another. So the
kernel is asked whether they sleep, rather than a time assumed.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

PARK_LIMIT_S = 0.05  # a thread that spins for longer spins always, by the user's choice (OMP_WAIT_POLICY=active)
_POLL_S = 0.0003


def wait_until_parked(limit_s: float = PARK_LIMIT_S) -> float:
    """Wait until no other thread of this process runs; return the seconds it took, ``limit_s`` at most."""
    began = time.perf_counter()
    while _others_run() and time.perf_counter() - began < limit_s:
        time.sleep(_POLL_S)
    return min(time.perf_counter() - began, limit_s)


def _others_run() -> bool:
    """Return whether another thread is on a core or queues for one (state R in ``proc(5)``)."""
    own = str(threading.get_native_id())
    try:
        tasks = os.listdir("/proc/self/task")
    except OSError:
        return False  # not Linux, so this is unknown
    for task in tasks:
        if task == own:
            continue
        try:
            state = Path(f"/proc/self/task/{task}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue  # it has just ended
        if state.rpartition(")")[2].split()[0] == "R":
            return True
    return False
