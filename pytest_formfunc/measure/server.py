"""The warm server: a process that has imported the engines and forks a worker for each job.

Run as ``python -m pytest_formfunc.measure.server FD``. It stays single-threaded, so that forking it is safe, and it
never runs a model. It exits when the parent's end of the control socket closes, and the kernel then kills the workers,
which asked for this when they began. Processes that a worker's model has started are passed on to the server when
that worker ends (``prctl(2)``, PR_SET_CHILD_SUBREAPER), and it kills them. So no process outlives the run, even if the
run is killed.

The standard library's forkserver is not used because it re-runs the parent's ``__main__`` in each child
(here: pytest), shares one preload list with the user's own code, and does not report how a child ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import signal
import socket
import sys
from collections.abc import Collection, Sequence
from multiprocessing.connection import Connection

from pytest_formfunc.backends import preload_modules
from pytest_formfunc.measure.protocol import HungUp, Line

# What each worker needs besides the engines. Nothing of `forms`: a worker may take them from another revision.
_WORKERS_MODULES = (
    "pytest_formfunc.measure.worker",
    "pytest_formfunc.measure.given_inputs",
    "pytest_formfunc.stats",
    "pytest_formfunc.backends.native",
    "pytest_formfunc.backends.trial",
    "pytest_formfunc.backends.precision",
    "torch.utils.serialization",
)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def preload(more: Sequence[str] = ()) -> None:
    """Import what the workers will need; the worker that needs a module reports that it cannot be imported.

    Args:
        more: modules beyond those of the engines, or functions to call (``module:function``).
    """
    # OpenVINO's usage telemetry starts a thread when it is imported, which would make forking unsafe and disturb
    # measurements. Without the package OpenVINO uses its own stand-in.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    for name in ("numpy", "cloudpickle", *preload_modules(), *_WORKERS_MODULES, *more):
        with contextlib.suppress(Exception):  # a broken engine must not stop the others
            module_name, _, function = name.partition(":")
            module = importlib.import_module(module_name)
            if function:
                getattr(module, function)()


def die_with_parent(parent: int) -> None:
    """Ask Linux to kill this process when its parent ends (``prctl(2)``, PR_SET_PDEATHSIG)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent ended before the kernel was asked
        os._exit(1)


def adopt_orphans() -> None:
    """Ask Linux to make this process the parent of what its descendants leave behind."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def children_of(pid: int) -> list[int]:
    """Return a process' children; none where the kernel does not list them."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    return found


def kill_descendants(pid: int, spared: Collection[int] = ()) -> None:
    """Kill what a process has started, and what these have started.

    Args:
        pid: the process, which itself goes on.
        spared: children that go on.
    """
    for child in children_of(pid):
        if child not in spared:
            kill_descendants(child)
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)


def _reap(ended: dict[int, int]) -> None:
    """Collect children that have ended, so that none stays a zombie."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        ended[pid] = os.waitstatus_to_exitcode(status)


def _fork_worker(server_pid: int, fd: int, inherited: list[int]) -> int:
    pid = os.fork()
    if pid:
        os.close(fd)
        return pid
    code = 1
    try:
        die_with_parent(server_pid)
        for other in inherited:
            os.close(other)
        from pytest_formfunc.measure.worker import worker_main

        worker_main(Line(Connection(fd)))
        code = 0
    except HungUp as error:  # the parent has ended or has closed the connection
        code = error.code
    finally:
        kill_descendants(os.getpid())
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # without the engines' atexit handlers, which may never return after a fork


def serve(control: socket.socket) -> None:
    """Answer fork requests until the parent closes the control socket.

    The message ``F``, with the worker's end of a socket pair as ancillary data, forks a worker. The message ``S``,
    followed by a process id in eight bytes, asks how that worker ended.
    """
    server_pid = os.getpid()
    ended: dict[int, int] = {}
    workers: set[int] = set()
    adopt_orphans()
    while True:
        message, fds, _, _ = socket.recv_fds(control, 16, 1)
        if not message:
            kill_descendants(server_pid)
            return
        kill_descendants(server_pid, workers)
        _reap(ended)
        workers -= ended.keys()
        if message[:1] == b"F":
            pid = _fork_worker(server_pid, fds[0], [control.fileno()])
            workers.add(pid)
            ended.pop(pid, None)  # of an earlier process of that number
            control.sendall(pid.to_bytes(8, "big", signed=True))
        else:
            pid = int.from_bytes(message[1:9], "big", signed=True)
            code = ended.get(pid, 1000)  # 1000: still running
            control.sendall(code.to_bytes(8, "big", signed=True))


def main() -> None:
    """Import the modules, report that the server is ready, and serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and then closes the control socket
    die_with_parent(os.getppid())
    control = socket.socket(fileno=int(sys.argv[1]))
    preload(sys.argv[2:])
    with contextlib.suppress(BrokenPipeError, ConnectionError):  # the parent has ended, or does not wait any more
        control.sendall(b"R")
        serve(control)


if __name__ == "__main__":
    main()
