"""One measurement at a time on the cores of a machine, whatever process it is in: locks on files, one for each core.

Measuring needs its cores alone; preparing (exporting, converting) needs that nobody measures on them. The system
releases a lock when its process ends, however it ends. Whoever waits keeps later ones from coming first.

Containers of one machine do not see each other's files: mount a folder into them and name it by `FOLDER_VARIABLE`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_formfunc.clock import now_s
from pytest_formfunc.measure.lock_holders import all_stopped

FOLDER_VARIABLE = "FORMFUNC_LOCK_FOLDER"
# Set while an ordinary test runs beside tests that measure: a pytest that such a test starts must not wait for it.
INSIDE_VARIABLE = "FORMFUNC_INSIDE_TEST"
_POLL_S = 0.05
# A process that is stopped (SIGSTOP, Ctrl-Z) uses no core: after this time its lock is passed over.
_PATIENCE_WITH_STOPPED_S = 5.0


def lock_folder() -> Path:
    """Return the folder of the locks: that of `FOLDER_VARIABLE`, or one that all users of the machine share."""
    return Path(os.environ.get(FOLDER_VARIABLE) or Path(tempfile.gettempdir()) / "formfunc-locks")


class HostLock:
    """The locks on a set of cores.

    Attributes:
        waited_s: seconds that were spent waiting for other processes.
        notes: sentences about what could not be locked, or was passed over.
    """

    def __init__(
        self,
        cores: Iterable[int] | None = None,
        folder: Path | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Take what to lock.

        Args:
            cores: numbers of the cores; by default those that this process may run on.
            folder: folder of the files; by default `lock_folder`.
            say: shows a short text while this waits.
        """
        self.waited_s = 0.0
        self.notes: list[str] = []
        self._cores = sorted(os.sched_getaffinity(0) if cores is None else cores)
        self._folder = folder or lock_folder()
        self._say = say
        self._depth = 0

    def measuring(self) -> contextlib.AbstractContextManager[None]:
        """Have the cores alone; inside of itself it does nothing."""
        return self._held(fcntl.LOCK_EX, "waiting: another run uses this machine")

    def preparing(self) -> contextlib.AbstractContextManager[None]:
        """Have the cores together with others that do not measure; inside of `measuring` it does nothing."""
        return self._held(fcntl.LOCK_SH, "waiting: another run measures on this machine")

    @contextmanager
    def _held(self, kind: int, why: str) -> Iterator[None]:
        if self._depth or os.environ.get(INSIDE_VARIABLE):
            yield
            return
        began = now_s()
        with contextlib.ExitStack() as held:
            # The queue of a core is left once its lock is taken, so that who comes later waits behind.
            with contextlib.ExitStack() as queue:
                for name, stack in (("queue", queue), ("core", held)):
                    for core in self._cores:
                        self._take(f"{name}-{core}", kind, stack, why)
            self.waited_s += now_s() - began
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1

    def _take(self, name: str, kind: int, stack: contextlib.ExitStack, why: str) -> None:
        """Take one lock, which the stack releases; pass it over where only stopped processes hold it."""
        try:
            file = open_shared(self._folder, name)
        except OSError as error:
            self._note(f"runs on this machine may disturb each other: {self._folder} cannot be used ({error.strerror})")
            return
        stack.callback(release, file)
        began, said = now_s(), False
        while not try_lock(file, kind):
            if now_s() - began > _PATIENCE_WITH_STOPPED_S and all_stopped(file):
                self._note("a run on this machine that is stopped holds the lock; this one did not wait for it")
                break
            if not said:
                self._say(why)
                said = True
            time.sleep(_POLL_S)
        if said:
            self._say("")

    def _note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)


def release(file: int) -> None:
    """Release a lock, also where a process that was forked meanwhile has the file open too."""
    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_UN)
    os.close(file)


def try_lock(file: int, kind: int) -> bool:
    """Take a lock if nobody else has it; return whether nobody has, or the file system has no locks."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # the file system has no locks
        return True
    return True


def open_shared(folder: Path, name: str) -> int:
    """Open a file of a folder that all users may write to; both are made where they are missing.

    Raises:
        OSError: that is not possible.
    """
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # another user may have made it just now
            folder.chmod(0o1777)
    os.close(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW))  # no link of somebody else's to elsewhere
    path, flags = folder / name, os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, os.O_RDONLY | flags)  # a lock needs no more, whoever made it
    except FileNotFoundError:
        return os.open(path, os.O_RDONLY | os.O_CREAT | flags, 0o644)
