"""Workers as the parent sees them: fork them from a warm server, and wait for answers with a time limit."""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

from pytest_formfunc import extensions
from pytest_formfunc.clock import now_s
from pytest_formfunc.errors import MeasurementError, ServerDied, WorkerDied, WorkerTimeout
from pytest_formfunc.host import oom_kills
from pytest_formfunc.measure.parking import hold, release, wait_until_parked
from pytest_formfunc.measure.protocol import CLOSED, Failure, Job, Round, Turn
from pytest_formfunc.measure.scratch import kill_marked
from pytest_formfunc.measure.server_process import ServerProcess
from pytest_formfunc.measure.workspace import OWN, Environment, Workspace

MOST_BYTES = 2**28  # of an answer; outputs go through files
POOL = 12  # servers of an environment; a case has seldom more launches


class JobFailed(MeasurementError):
    """A job raised an exception in its worker.

    Attributes:
        reason: what was raised, without what the worker was doing.
        details: the worker's traceback.
    """

    def __init__(self, reason: str, details: str, what: str = "") -> None:
        """Take the reason, and what the worker was doing, for the message."""
        super().__init__(f"{what} failed: {reason}" if what else reason)
        self.reason = reason
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
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        # A worker that stops in the middle of an answer, or announces more than it sends, must not hold this process.
        seconds = math.ceil(timeout_s) + 1
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", seconds, 0))
        self._connection = Connection(ours.detach())
        self._oom_kills = oom_kills()
        self._is_held = False
        self._pidfd: int | None = None
        with contextlib.suppress(OSError):  # an old kernel, or it has ended already
            self._pidfd = os.pidfd_open(self.pid)

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
            if self._is_held and self._pidfd is not None:
                release(self._pidfd)
            self._is_held = False
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
            # A process that the model has forked keeps the connection open when the worker has ended.
            ready = _wait([self._connection.fileno(), *([] if self._pidfd is None else [self._pidfd])], limit)
            if ready and self._connection.fileno() not in ready and not _wait([self._connection.fileno()], 0.0):
                raise EOFError
            if not ready:
                self.stop()
                raise WorkerTimeout(f"{self.what} did not answer within {limit:g}s (--formfunc-timeout) and was killed")
            answer = pickle.loads(self._connection.recv_bytes(MOST_BYTES))
        except (EOFError, ConnectionError):
            raise self._death() from None
        except BlockingIOError:
            self.stop()
            raise WorkerTimeout(
                f"{self.what} stopped in the middle of an answer (--formfunc-timeout) and was killed"
            ) from None
        except WorkerTimeout:
            raise
        except Exception as error:  # noqa: BLE001 - a text that is no pickle raises anything
            self.stop()
            raise MeasurementError(
                f"{self.what} sent something that is no answer ({type(error).__name__}): does the model write to a "
                "file that it did not open?"
            ) from None
        if isinstance(answer, Failure):
            raise JobFailed(answer.reason, answer.details, "" if answer.whole else self.what)
        if isinstance(answer, Round) and answer.spins:
            self._is_held = self._pidfd is not None and hold(self.pid, self._pidfd)
            if not self._is_held:
                wait_until_parked(pid=self.pid)
        return answer

    def ask(self, message: object) -> Any:
        """Send a message and return its answer.

        Raises:
            WorkerDied: the process ended without an answer.
            WorkerTimeout: no answer came within the limit; the process is killed.
            JobFailed: the job raised an exception.
        """
        self.send(message)
        answer = self.receive()
        if isinstance(message, Turn) and not isinstance(answer, Round):
            self.stop()
            raise MeasurementError(f"{self.what} sent something that is no answer ({type(answer).__name__})")
        return answer

    def stop(self) -> None:
        """Kill the process if it still runs; it may be called repeatedly."""
        self._connection.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._server.exit_code(self.pid) is None:
                os.kill(self.pid, signal.SIGKILL)

    def _death(self) -> WorkerDied:
        code = None
        for _ in range(50):
            if (code := self._server.exit_code(self.pid)) is not None:
                break
            time.sleep(0.01)
        if (of_server := self._server.ended_with(self.pid)) is not None:
            return WorkerDied(f"{self.what} ended with its measuring server, which {_how(of_server)}")
        if code is None or code == CLOSED:
            self.stop()
            return WorkerDied(f"{self.what} closed its connection: does the model close files that it did not open?")
        why = ""
        if code == -signal.SIGKILL:
            ran_out = oom_kills() > self._oom_kills
            why = ", because memory ran out" if ran_out else ", which is what Linux does where memory runs out"
        return WorkerDied(f"{self.what} {_how(code)}{why}")


def _wait(files: Sequence[int], limit_s: float) -> list[int]:
    """Wait until one of some files can be read; return those that can, or nothing after the limit.

    `multiprocessing.connection.wait` would use a clock that tests let stand still.
    """
    poll = select.poll()
    for file in files:
        poll.register(file, select.POLLIN)
    return [file for file, _ in poll.poll(limit_s * 1000)]


def _how(code: int) -> str:
    """Return how a process ended, from its exit code."""
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}"
    return f"ended unexpectedly (exit code {code})"


class WorkerServer:
    """Forks workers from warm servers: a pool for this environment, and one for each other that a job names.

    Each server is an ``exec`` of its own, so its heap, its addresses and its hash seed are its own as well: what
    differs between a user's processes differs between servers, and a fork has all of it from its server. They start
    when they are first needed, because each takes about a second and 150 MB.

    Attributes:
        size: number of servers of an environment, at most.
        starting_s: seconds that were spent waiting for servers to start.
        mark: names the run in the environment of all processes that it starts; empty for no such name.
    """

    def __init__(
        self, timeout_s: float, threads: int, preload: tuple[str, ...] = (), size: int = POOL, mark: str = ""
    ) -> None:
        """Take what all workers have in common.

        Args:
            timeout_s: seconds to wait for an answer.
            threads: number of threads that an engine may use.
            preload: modules that the servers import beyond those of the engines, or functions to call
                (``module:function``).
            size: number of servers of an environment, at most.
            mark: names the run in the environment of all processes that it starts, so that none is left; empty for no
                such name.
        """
        self.mark = mark
        self.timeout_s = timeout_s
        self.threads = threads
        self.size = size
        self.starting_s = 0.0
        self._preload = preload
        self._pools: dict[Environment | None, list[ServerProcess]] = {}

    @property
    def pids(self) -> list[int]:
        """Return the process ids of the running servers."""
        return [process.pid for pool in self._pools.values() for process in pool if process.pid is not None]

    def clock(self) -> float:
        """Return the time in seconds, of a clock that stands still while this waits for servers to start."""
        return now_s() - self.starting_s

    def begin(self, count: int, environment: Environment | None = None) -> None:
        """Make servers start in the background, so that there are ``count`` of them, or as many as the pool has."""
        pool = self._pool_of(environment)
        for process in pool[: min(count, self.size)]:
            process.begin()

    def worker(self, job: Job, what: str, launch: int = 0) -> Worker:
        """Fork a worker and send it its job.

        Args:
            job: what it does.
            what: begins its error messages.
            launch: number of the launch; each launch is forked from the next server of the pool.
        """
        process = self._pool_of(job.workspace.environment)[launch % self.size]
        try:
            return self._fork(process, job, what)
        except ServerDied:  # while nothing of this job was done
            return self._fork(process, job, what)

    def _fork(self, process: ServerProcess, job: Job, what: str) -> Worker:
        began = now_s()
        process.start()
        self.starting_s += now_s() - began
        worker = Worker(process, what, self.timeout_s)
        try:
            worker.send(job)
        except BaseException:
            worker.stop()
            raise
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
        everyone = [process for pool in self._pools.values() for process in pool]
        for process in everyone:
            process.hang_up()
        for process in everyone:
            process.close()
        self._pools.clear()
        if self.mark:
            kill_marked(self.mark)  # what models have started, and what has escaped from a server that was killed

    def wait(self) -> None:
        """Wait until no server is starting any more, so that none disturbs a measurement.

        Raises:
            WorkerDied: one ended while starting.
        """
        began = now_s()
        for process in [process for pool in self._pools.values() for process in pool]:
            if process.pid is not None:
                process.start()
        self.starting_s += now_s() - began

    def _pool_of(self, environment: Environment | None) -> list[ServerProcess]:
        if environment not in self._pools:
            added = [name for entry in extensions.current().backends for name in entry.preload]
            more = tuple(dict.fromkeys([*self._preload, *added]))
            self._pools[environment] = [
                ServerProcess(self.threads, environment, more, self.mark) for _ in range(self.size)
            ]
        return self._pools[environment]
