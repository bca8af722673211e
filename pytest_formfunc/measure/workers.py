"""Workers as the parent sees them: fork them from a warm server, and wait for answers with a time limit."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import sys
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from pytest_formfunc import extensions
from pytest_formfunc.errors import MeasurementError, WorkerDied, WorkerTimeout
from pytest_formfunc.measure.protocol import Failure, Job
from pytest_formfunc.measure.server_process import ServerProcess
from pytest_formfunc.measure.workspace import OWN, Environment, Workspace


class JobFailed(MeasurementError):
    """A job raised an exception in its worker; ``details`` is the worker's traceback."""

    def __init__(self, reason: str, details: str) -> None:
        super().__init__(reason)
        self.details = details


class Worker:
    """One forked process that does one job; as a context manager it does not outlive the block."""

    def __init__(self, server: ServerProcess, what: str, timeout_s: float) -> None:
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

    def send(self, message: object, what: str = "") -> None:
        """Send a message.

        Args:
            message: can be pickled.
            what: begins the error messages from now on, if the message changes what the worker does.

        Raises:
            WorkerDied: the process has ended.
        """
        self.what = what or self.what
        try:
            self._connection.send(message)
        except OSError:
            raise self._death() from None

    def receive(self, timeout_s: float | None = None) -> Any:
        """Wait for an answer.

        Raises:
            WorkerTimeout: no answer came within the limit; the process is killed.
            WorkerDied: the process ended without an answer.
            JobFailed: the job raised an exception.
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
        """Send a message and return its answer.

        Raises:
            WorkerDied: the process ended without an answer.
            WorkerTimeout: no answer came within the limit; the process is killed.
            JobFailed: the job raised an exception.
        """
        self.send(message)
        return self.receive()

    def stop(self) -> None:
        """Kill the process if it still runs; it may be called repeatedly."""
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
    """Forks workers from warm servers: one for this environment, and one for each other that a job names."""

    def __init__(self, timeout_s: float, threads: int, preload: tuple[str, ...] = ()) -> None:
        """Take what all workers have in common.

        Args:
            timeout_s: seconds to wait for an answer.
            threads: number of threads that an engine may use.
            preload: modules that the servers import beyond those of the engines, or functions to call
                (``module:function``).
        """
        self.timeout_s = timeout_s
        self.threads = threads
        self._preload = preload
        self._processes: dict[Environment | None, ServerProcess] = {}

    @property
    def pids(self) -> list[int]:
        """Return the process ids of the running servers."""
        return [process.pid for process in self._processes.values() if process.pid is not None]

    def worker(self, job: Job, what: str) -> Worker:
        """Fork a worker and send it its job; its error messages begin with ``what``."""
        worker = Worker(self._process_of(job.workspace.environment), what, self.timeout_s)
        worker.send(job)
        return worker

    def job(self, kind: str, workspace: Workspace = OWN, **payload: object) -> Job:
        """Return a job for a workspace; by default it has this process' import path and working directory."""
        complete = replace(
            workspace,
            sys_path=tuple(sys.path) if workspace.sys_path is None else workspace.sys_path,
            cwd=workspace.cwd or os.getcwd(),
        )
        return Job(kind, complete, self.threads, pickle.dumps(payload), extensions.current())

    def close(self) -> None:
        """End the servers and, with them, every worker; it may be called repeatedly."""
        for process in self._processes.values():
            process.close()
        self._processes.clear()

    def _process_of(self, environment: Environment | None) -> ServerProcess:
        if environment not in self._processes:
            added = [name for entry in extensions.current().backends for name in entry.preload]
            more = tuple(dict.fromkeys([*self._preload, *added]))
            self._processes[environment] = ServerProcess(self.threads, environment, more)
        return self._processes[environment]
