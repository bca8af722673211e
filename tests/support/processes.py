"""Processes as Linux lists them: those that measure, waiting for what they do, and some that keep the cores busy."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


def measuring(folder: Path) -> list[int]:
    """Return the measuring processes that run in a folder: a server of its workers, and those of its code."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
            where = os.readlink(process / "cwd")
        except OSError:
            continue
        # A server of a run beside other tests is a fork of the process that those start from.
        if (b"pytest_formfunc.measure.server" in line or b"support.warm_pytest" in line) and where == str(folder):
            found.append(int(process.name))
    return found


def wait_until(condition: Callable[[], bool], limit_s: float = 60.0) -> bool:
    """Look every few milliseconds; return whether it came to be in time."""
    end = time.monotonic() + limit_s
    while not (there := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return there


_BUSY = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
while os.getppid() == int(sys.argv[2]):
    for _ in range(100_000):
        pass
"""


def keep_cores_busy() -> None:
    """Keep each core that this process may use busy by a process of its own, until this process ends."""
    for core in os.sched_getaffinity(0):
        subprocess.Popen([sys.executable, "-c", _BUSY, str(core), str(os.getpid())])
