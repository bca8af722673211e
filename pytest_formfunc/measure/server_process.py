"""The parent's handle of one warm server process: start it, fork workers, ask how a worker ended, end it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys

from pytest_formfunc.errors import ServerDied, WorkerDied
from pytest_formfunc.measure.scratch import MARK_VARIABLE
from pytest_formfunc.measure.workspace import Environment

_STARTUP_LIMIT_S = 120.0  # importing torch and openvino from a cold disk
_ANSWER_LIMIT_S = 20.0  # to fork, on a busy machine
_STILL_RUNNING = 1000


class ServerProcess:
    """A warm server, which is started on first use and ends with `close` or with this process."""

    def __init__(
        self, threads: int, environment: Environment | None = None, preload: tuple[str, ...] = (), mark: str = ""
    ) -> None:
        """Take what the server will import.

        Args:
            threads: number of threads for each engine.
            environment: the environment whose packages it imports; None for that of this process.
            preload: modules to import beyond those of the engines, or functions to call (``module:function``).
            mark: what its environment, and that of all processes after it, has in `MARK_VARIABLE`.
        """
        self._mark = mark
        self._preload = preload
        self._threads = threads
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._exit_codes: dict[int, int] = {}
        self._forked: set[int] = set()
        self._ended_with: dict[int, int] = {}  # exit codes of earlier servers, by the workers that they had forked
        self._ready = False

    def start(self) -> None:
        """Start the server, unless it has been started, and wait until the engines are imported.

        Raises:
            WorkerDied: it ended while starting.
        """
        self.begin()
        control = self._control
        if self._ready or control is None:
            return
        control.settimeout(_STARTUP_LIMIT_S)
        with contextlib.suppress(TimeoutError):
            if control.recv(1) == b"R":
                self._ready = True
                control.settimeout(_ANSWER_LIMIT_S)  # one that somebody has stopped is replaced
                return
        self.close()
        raise WorkerDied(
            "the measuring server did not start: it was stopped, or see the messages that it printed above"
        )

    def begin(self) -> None:
        """Start the server in the background, unless it has been started."""
        if self._process is not None:
            return
        ours, theirs = socket.socketpair()
        python, path = sys.executable, [entry or os.getcwd() for entry in sys.path]
        if self._environment is not None:
            python, path = self._environment.python, [self._environment.harness]
        variables = dict(os.environ)
        # Each engine has a pool of that many threads; numpy's own pool would only make forking unsafe.
        variables |= {"OMP_NUM_THREADS": str(self._threads), "OPENBLAS_NUM_THREADS": "1"}
        # A question whether there is a GPU would initialise CUDA, which no forked process could use then.
        variables["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
        variables.setdefault("KINETO_LOG_LEVEL", "99")  # torch's profiler would write to the user's terminal
        # Numbers in CUDA_VISIBLE_DEVICES are those of nvidia-smi and NVML then, and not by guessed speed.
        variables.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
        variables["PYTHONPATH"] = os.pathsep.join(path)
        if self._mark:
            variables[MARK_VARIABLE] = self._mark
        self._process = subprocess.Popen(
            [python, "-W", "ignore", "-m", "pytest_formfunc.measure.server", str(theirs.fileno()), *self._preload],
            pass_fds=[theirs.fileno()],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None,
        )
        theirs.close()
        self._control = ours

    @property
    def pid(self) -> int | None:
        """Return the server's process id, or None before it is started."""
        return self._process.pid if self._process else None

    def fork(self, fd: int) -> int:
        """Fork a worker that communicates over ``fd``; return its process id.

        Raises:
            ServerDied: the server has ended; the next call starts another one.
        """
        self.start()
        try:
            pid = self._request(b"F", fd)
        except ServerDied:
            self.close()
            raise
        self._forked.add(pid)
        self._exit_codes.pop(pid, None)  # of an earlier process of that number
        self._ended_with.pop(pid, None)
        return pid

    def ended_with(self, pid: int) -> int | None:
        """Return the exit code of the server that a worker was forked from, negative for a signal; None if it runs."""
        return self._ended_with.get(pid, self._ended())

    def _ended(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def exit_code(self, pid: int) -> int | None:
        """Return a worker's exit code, negative if a signal ended it, or None while it runs."""
        if pid not in self._exit_codes:
            try:
                code = self._request(b"S" + pid.to_bytes(8, "big", signed=True))
            except ServerDied:  # or it did not answer, and what it may still say would answer the next question
                self.close()
                code = -signal.SIGKILL  # workers die with their server
            if code == _STILL_RUNNING:
                return None
            self._exit_codes[pid] = code
        return self._exit_codes[pid]

    def hang_up(self) -> None:
        """Let the server end, and with it every worker, without waiting for that."""
        control, self._control = self._control, None
        if control is not None:
            control.close()
        if self._process is not None and not self._ready:
            self._process.kill()  # it still imports the engines

    def close(self) -> None:
        """End the server and, with it, every worker; it may be called repeatedly."""
        self.hang_up()
        process, self._process = self._process, None
        self._ready = False
        if process is not None:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self._ended_with = dict.fromkeys(self._forked, process.returncode)
        for pid in self._forked:
            self._exit_codes.setdefault(pid, -signal.SIGKILL)
        self._forked.clear()

    def _request(self, message: bytes, fd: int | None = None) -> int:
        control = self._control
        try:
            if control is None or self._ended() is not None:
                raise ConnectionError
            socket.send_fds(control, [message], [] if fd is None else [fd])
            answer = control.recv(8)
        except OSError:
            answer = b""
        if len(answer) != 8:
            raise ServerDied("the measuring server ended unexpectedly")
        return int.from_bytes(answer, "big", signed=True)
