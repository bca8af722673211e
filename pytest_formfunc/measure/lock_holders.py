"""Who holds a lock on a file, and whether these processes are stopped: Linux's ``/proc/locks``."""

from __future__ import annotations

import os
from pathlib import Path

_STOPPED = ("T", "t")  # by a signal, or by a debugger


def all_stopped(file: int, proc: Path = Path("/proc")) -> bool:
    """Return whether every process that holds a lock on an open file is stopped; False where nobody is known to.

    Args:
        file: descriptor of the file.
        proc: where the kernel's files are.
    """
    holders = holders_of(file, proc)
    return bool(holders) and all(_state(pid, proc) in _STOPPED for pid in holders)


def holders_of(file: int, proc: Path = Path("/proc")) -> set[int]:
    """Return the processes that hold a lock on an open file, as far as the kernel says."""
    wanted = str(os.fstat(file).st_ino)  # a layered file system has another device number here than there
    try:
        lines = (proc / "locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return set()
    holders = set()
    for line in lines:
        # "1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF"; one that waits has "->" after its number
        parts = line.split()
        if (
            len(parts) >= 6
            and parts[1] == "FLOCK"
            and parts[5].rpartition(":")[2] == wanted
            and parts[4].isdigit()
            and int(parts[4]) > 0
        ):
            holders.add(int(parts[4]))
    return holders


def _state(pid: int, proc: Path) -> str:
    try:
        return (proc / str(pid) / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""
