"""A measuring server that is a fork of a process which has imported the engines, for tests that run beside others.

Starting one takes more than two seconds of a core, nearly all of them for imports. `Template` is forked before pytest
begins, while the process has one thread and nothing of the user's, and becomes the server once one is asked for.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import warnings

from pytest_formfunc.measure.scratch import MARK_VARIABLE
from pytest_formfunc.measure.server_process import ServerProcess

EXPORTING = ("torch._dynamo.eval_frame", "torch.export._trace", "torch._export.non_strict_utils",
             "openvino.frontend.pytorch")  # fmt: skip
_templates: list[Template] = []  # one at most


def import_engines() -> None:
    """Import what a server does, and what exporting imports: more than a second of each worker that prepares."""
    from pytest_formfunc.measure.server import preload

    preload(EXPORTING)
    del sys.modules["openvino_telemetry"]  # that it is not there


def fork_template() -> None:
    """Fork what may become this process' server, unless there are no engines to share or threads that a fork lacks."""
    if "openvino" in sys.modules and len(os.listdir("/proc/self/task")) == 1:
        _templates.append(Template())


class Template:
    """The child, and this process' handle of it; the part of ``subprocess.Popen`` that a server's parent uses."""

    def __init__(self) -> None:
        self.returncode: int | None = None
        self.control, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _become_a_server(theirs.detach())
        theirs.close()

    def poll(self) -> int | None:
        if self.returncode is None:
            with contextlib.suppress(ChildProcessError):
                ended, status = os.waitpid(self.pid, os.WNOHANG)
                self.returncode = os.waitstatus_to_exitcode(status) if ended else None
        return self.returncode

    def wait(self, timeout: float = 60.0) -> int:
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("server", timeout)
            time.sleep(0.002)
        return self.returncode

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


class ForkedServer(ServerProcess):
    """A server that uses the template, if there is one and it is to have this process' packages."""

    def begin(self) -> None:
        if self._process is None and self._environment is None and _templates:
            self._process = _templates.pop()
            self._control = self._process.control
            job = {"arguments": list(self._preload), "path": sys.path, "folder": os.getcwd(),
                   "environment": {**os.environ, MARK_VARIABLE: self._mark}}  # fmt: skip
            text = json.dumps(job).encode()
            with contextlib.suppress(OSError):
                self._control.sendall(len(text).to_bytes(8, "big") + text)
        super().begin()


def _become_a_server(control: int) -> None:
    """Wait for the order, and serve; never returns."""
    code = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
        faulthandler.disable()
        os.closerange(3, control)
        os.closerange(control + 1, 4096)
        size = int.from_bytes(_exactly(control, 8), "big")
        job = json.loads(_exactly(control, size))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1):
            os.dup2(nowhere, number)
        sys.stdin, sys.stdout, sys.stderr = (
            os.fdopen(number, mode, closefd=False) for number, mode in enumerate("rww")
        )
        logging.getLogger().handlers.clear()
        warnings.simplefilter("ignore")
        os.chdir(job["folder"])
        os.environ.clear()
        os.environ.update(job["environment"])
        sys.path[:] = job["path"]
        for name in [one for one in sys.modules if one.partition(".")[0] == "pytest_formfunc"]:
            del sys.modules[name]  # their tables may have what a project adds
        sys.argv = ["server", str(control), *job["arguments"]]
        importlib.import_module("pytest_formfunc.measure.server").main()
        code = 0
    finally:
        os._exit(code)


def _exactly(control: int, size: int) -> bytes:
    """Read so many bytes; end the process where there are no more."""
    found = b""
    while len(found) < size:
        more = os.read(control, size - len(found))
        if not more:
            os._exit(0)
        found += more
    return found
