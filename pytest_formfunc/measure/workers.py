"""The parent's side: start the warm server, fork workers, wait for answers with a time limit."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from pytest_formfunc.errors import MeasurementError, WorkerDied, WorkerTimeout
from pytest_formfunc.measure.protocol import Failure, Job
from pytest_formfunc.measure.sides import HEAD, Side

_STARTUP_LIMIT_S = 120.0  # importing torch and openvino from a cold disk
_STILL_RUNNING = 1000


class JobFailed(MeasurementError):
    """The job itself raised inside its worker; ``details`` holds the worker's traceback."""

    def __init__(self, reason: str, details: str) -> None:
        super().__init__(reason)
        self.details = details


class Worker:
    """One forked process that does one job. Use as a context manager: it never outlives the block."""

    def __init__(self, server: WorkerServer, what: str, timeout_s: float) -> None:
        self.what = what
        self._server = server
        self._timeout_s = timeout_s
        ours, theirs = socket.socketpair()
        try:
            self.pid = server.fork(theirs.fileno())
        finally:
            theirs.close()
        self._connection = Connection(ours.detach())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def send(self, message: object) -> None:
        """Send a message.

        Raises:
            WorkerDied: the process has ended.
        """
        try:
            self._connection.send(message)
        except OSError:
            raise self._death() from None

    def receive(self, timeout_s: float | None = None) -> Any:
        """Wait for an answer.

        Raises:
            WorkerTimeout: none came within the limit; the process is killed.
            WorkerDied: the process ended without one.
            JobFailed: the job raised.
        """
        limit = self._timeout_s if timeout_s is None else timeout_s
        try:
            if not self._connection.poll(limit):
                self.stop()
                raise WorkerTimeout(f"{self.what} did not answer within {limit:g}s (--formfunc-timeout) and was killed")
            answer = self._connection.recv()
        except (EOFError, ConnectionError):
            raise self._death() from None
        if isinstance(answer, Failure):
            raise JobFailed(f"{self.what} failed: {answer.reason}", answer.details)
        return answer

    def ask(self, message: object) -> Any:
        """Send a message and wait for its answer; raises what `send` and `receive` raise."""
        self.send(message)
        return self.receive()

    def stop(self) -> None:
        """Kill the process if it is still there; harmless to repeat."""
        self._connection.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._server.exit_code(self.pid) is None:
                os.kill(self.pid, signal.SIGKILL)

    def _death(self) -> WorkerDied:
        code = None
        for _ in range(50):
            if (code := self._server.exit_code(self.pid)) is not None:
                break
            time.sleep(0.01)
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return WorkerDied(f"{self.what} was killed by {signal.Signals(-code).name}")
        return WorkerDied(f"{self.what} ended unexpectedly (exit code {'unknown' if code is None else code})")


class WorkerServer:
    """The warm server's handle. Started on first use, stopped by `close` or by this process' end."""

    def __init__(self, timeout_s: float, threads: int) -> None:
        self.timeout_s = timeout_s
        self.threads = threads
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._exit_codes: dict[int, int] = {}

    def start(self) -> None:
        """Start the server and wait until the engines are imported.

        Raises:
            WorkerDied: it ended while starting.
        """
        if self._process is not None:
            return
        ours, theirs = socket.socketpair()
        environment = dict(os.environ)
        # One pool of that many threads for each engine; numpy's own pool would only be in the way of fork.
        environment |= {"OMP_NUM_THREADS": str(self.threads), "OPENBLAS_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        # Rewritten bytecode and coverage start-up hooks of the parent are of no use in there.
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "pytest_formfunc.measure.server", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None,
        )
        theirs.close()
        self._control = ours
        ours.settimeout(_STARTUP_LIMIT_S)
        with contextlib.suppress(TimeoutError):
            if ours.recv(1) == b"R":
                return
        self.close()
        raise WorkerDied("the measuring server did not start: see the messages above it printed")

    def fork(self, fd: int) -> int:
        """Fork a worker that talks over ``fd``; return its process id."""
        self.start()
        return self._request(b"F", fd)

    def exit_code(self, pid: int) -> int | None:
        """Return how a worker ended (negative: the signal), or None while it runs."""
        if pid not in self._exit_codes:
            try:
                code = self._request(b"S" + pid.to_bytes(8, "big", signed=True))
            except WorkerDied:
                code = -signal.SIGKILL  # workers die with their server
            if code == _STILL_RUNNING:
                return None
            self._exit_codes[pid] = code
        return self._exit_codes[pid]

    def worker(self, job: Job, what: str) -> Worker:
        """Fork a worker and give it its job; ``what`` begins its error sentences."""
        worker = Worker(self, what, self.timeout_s)
        worker.send(job)
        return worker

    def job(self, kind: str, side: Side = HEAD, **payload: object) -> Job:
        """Describe a job that runs with a side's code: by default this process' import path and directory."""
        sys_path = side.sys_path or tuple(sys.path)
        return Job(kind, sys_path, side.cwd or os.getcwd(), self.threads, pickle.dumps(payload), side.forms)

    def close(self) -> None:
        """End the server and, with it, every worker; harmless to repeat."""
        control, self._control = self._control, None
        process, self._process = self._process, None
        if control is not None:
            control.close()
        if process is not None:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _request(self, message: bytes, fd: int | None = None) -> int:
        control = self._control
        try:
            if control is None:
                raise ConnectionError
            socket.send_fds(control, [message], [] if fd is None else [fd])
            answer = control.recv(8)
        except OSError:
            answer = b""
        if len(answer) != 8:
            raise WorkerDied("the measuring server ended unexpectedly")
        return int.from_bytes(answer, "big", signed=True)
