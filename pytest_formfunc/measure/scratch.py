"""Folders that belong to one living process, and what dead ones have left.

A folder holds a file that its process keeps locked (``flock(2)``), so the kernel says who is dead, whatever ended it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

RUN_PREFIX = "formfunc-run-"  # of a run's folder, in the system's folder of temporary files
MAKING_PREFIX = ".making-"  # of a folder of artifacts that are being made, in the cache
MARK_VARIABLE = "PYTEST_FORMFUNC_RUN"  # in the environment of every process that a run starts: its folder
_OWNER = ".owner"
# A folder without an owner's file is somebody's who died within moments, or of an earlier version.
_FORGOTTEN_S = 7 * 86_400.0


def folder_of_this_run() -> str | None:
    """Return the folder of the run that this process belongs to, which is swept whatever ends it; None without one."""
    folder = os.environ.get(MARK_VARIABLE, "")
    return folder if os.path.isdir(folder) else None


class OwnFolder:
    """A new folder; it is this process' until `close`, or until this process ends.

    Attributes:
        path: the folder.
    """

    def __init__(self, prefix: str = RUN_PREFIX, parent: Path | None = None) -> None:
        """Make it.

        Args:
            prefix: start of its name.
            parent: the folder that it is made in; None for that of temporary files.

        Raises:
            OSError: it cannot be made.
        """
        self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        self._file = os.open(self.path / f"{_OWNER}.new", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with contextlib.suppress(OSError):  # a file system without locks: nobody can take it for dead either
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.rename(self.path / f"{_OWNER}.new", self.path / _OWNER)  # it never is there without its lock

    def close(self) -> None:
        """Remove it; it may be called repeatedly."""
        _remove(self.path)
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        shutil.rmtree(self.path, ignore_errors=True)  # NFS keeps an open file under another name


def _remove(folder: Path) -> None:
    """Remove what is in a folder, its owner's file last: what is left, where this is killed, is swept later."""
    with contextlib.suppress(OSError):
        for one in folder.iterdir():
            if one.name != _OWNER and one.is_dir() and not one.is_symlink():
                shutil.rmtree(one, ignore_errors=True)
            elif one.name != _OWNER:
                with contextlib.suppress(OSError):
                    one.unlink()


def sweep(parent: Path, prefix: str, before: Callable[[Path], object] | None = None) -> list[Path]:
    """Remove the folders of dead processes; return them.

    Args:
        parent: the folder that they are in.
        prefix: start of their names.
        before: called with each before it is removed.
    """
    removed = []
    with contextlib.suppress(OSError):
        for folder in sorted(parent.glob(f"{prefix}*")):
            with contextlib.suppress(OSError):
                if _is_dead(folder):
                    if before is not None:
                        before(folder)
                    _remove(folder)
                    shutil.rmtree(folder, ignore_errors=True)
                    removed.append(folder)
    return removed


def sweep_runs() -> list[Path]:
    """End the processes of dead runs of this user, and remove their folders; return these."""
    return sweep(Path(tempfile.gettempdir()), RUN_PREFIX, lambda folder: kill_marked(str(folder)))


def _is_dead(folder: Path) -> bool:
    """Return whether nobody owns a folder of this user's.

    Raises:
        OSError: it cannot be told.
    """
    about = folder.lstat()
    if about.st_uid != os.getuid() or not folder.is_dir() or folder.is_symlink():
        return False
    owner = folder / _OWNER
    if not owner.exists():
        return time.time() - about.st_mtime > _FORGOTTEN_S
    file = os.open(owner, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True


def kill_marked(mark: str) -> list[int]:
    """Kill every process of this user that a run has started, however it was started; return their ids.

    Args:
        mark: what `MARK_VARIABLE` is in their environment.
    """
    wanted, killed = f"{MARK_VARIABLE}={mark}".encode(), []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
                killed.append(int(entry.name))
    return killed
