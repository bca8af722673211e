"""The parent's side: fork workers from a warm server, wait for answers with a time limit."""

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
    """The job itself raised inside its worker; ``details`` holds the worker's traceback."""

    def __init__(self, reason: str, details: str) -> None:
        super().__init__(reason)
        self.details = details


class Worker:
    """One forked process that does one job. Use as a context manager: it never outlives the block."""

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
    """Forks workers from warm servers: this environment's, and one more for each other one that a job names."""

    def __init__(self, timeout_s: float, threads: int, preload: tuple[str, ...] = ()) -> None:
        """Take what the servers import beside the engines: modules, or functions to call (``module:function``)."""
        self.timeout_s = timeout_s
        self.threads = threads
        self._preload = preload
        self._processes: dict[Environment | None, ServerProcess] = {}

    def start(self) -> None:
        """Start this environment's server now; raises what `ServerProcess.start` raises."""
        self._process_of(None).start()

    @property
    def pids(self) -> list[int]:
        """Return the process ids of the servers that run."""
        return [process.pid for process in self._processes.values() if process.pid is not None]

    def worker(self, job: Job, what: str) -> Worker:
        """Fork a worker and give it its job; ``what`` begins its error sentences."""
        worker = Worker(self._process_of(job.workspace.environment), what, self.timeout_s)
        worker.send(job)
        return worker

    def job(self, kind: str, workspace: Workspace = OWN, **payload: object) -> Job:
        """Describe a job that runs in a workspace: by default with this process' import path and directory."""
        complete = replace(
            workspace,
            sys_path=tuple(sys.path) if workspace.sys_path is None else workspace.sys_path,
            cwd=workspace.cwd or os.getcwd(),
        )
        return Job(kind, complete, self.threads, pickle.dumps(payload), extensions.current())

    def close(self) -> None:
        """End the servers and, with them, every worker; harmless to repeat."""
        for process in self._processes.values():
            process.close()
        self._processes.clear()

    def _process_of(self, environment: Environment | None) -> ServerProcess:
        if environment not in self._processes:
            added = [name for entry in extensions.current().backends for name in entry.preload]
            more = tuple(dict.fromkeys([*self._preload, *added]))
            self._processes[environment] = ServerProcess(self.threads, environment, more)
        return self._processes[environment]
