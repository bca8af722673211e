"""Let no thread of a participant that has had a turn use a core until its next one.

After a parallel region libgomp's and TBB's threads spin before they sleep, for a time that depends on the processor:
libgomp counts ``PAUSE`` instructions, which last a few cycles on one processor and over a hundred on another. So the
kernel is asked whether they sleep, rather than a time assumed. A process whose threads do not sleep soon is stopped
until its next turn (``signal(7)``, SIGSTOP): what its threads do when they go on, the calls that are discarded take up.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

PARK_LIMIT_S = 0.05  # a thread that spins for longer spins always, by the user's choice (OMP_WAIT_POLICY=active)
SOON_S = 0.001  # a process whose threads sleep after so long need not be stopped
_POLL_S = 0.0003


def wait_until_parked(limit_s: float = PARK_LIMIT_S, pid: int | None = None) -> float:
    """Wait until no other thread of this process runs; return the seconds it took, ``limit_s`` at most.

    Args:
        limit_s: is waited at most.
        pid: another process, of which no thread may run.
    """
    began = time.perf_counter()
    while _others_run(pid) and time.perf_counter() - began < limit_s:
        time.sleep(_POLL_S)
    return min(time.perf_counter() - began, limit_s)


def hold(pid: int, pidfd: int) -> bool:
    """Stop a process until `release`, and wait until no thread of it runs; return whether that was possible.

    It is killed like any other while it is stopped, also when its parent ends.
    """
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGSTOP)
    except OSError:  # it has ended, or a sandbox forbids it
        return False
    wait_until_parked(pid=pid)
    return True


def release(pidfd: int) -> None:
    """Let a process go on.

    Raises:
        OSError: it has ended.
    """
    signal.pidfd_send_signal(pidfd, signal.SIGCONT)


def _others_run(pid: int | None) -> bool:
    """Return whether a thread is on a core or queues for one (state R in ``proc(5)``), this one left aside."""
    own = str(threading.get_native_id())
    folder = f"/proc/{pid or 'self'}/task"
    try:
        tasks = os.listdir(folder)
    except OSError:
        return False  # not Linux, so this is unknown
    for task in tasks:
        if task == own:
            continue
        try:
            state = Path(f"{folder}/{task}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            continue  # it has just ended
        if state.rpartition(")")[2].split()[0] == "R":
            return True
    return False
