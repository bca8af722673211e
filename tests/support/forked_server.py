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
import sys
import warnings

from pytest_formfunc.measure.scratch import MARK_VARIABLE
from pytest_formfunc.measure.server_process import ServerProcess
from support.child import Child

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


class Template(Child):
    """The child, and this process' handle of it."""

    def __init__(self) -> None:
        super().__init__()
        self.control, theirs = socket.socketpair()
        self.fork(lambda: _become_a_server(theirs.detach()))
        theirs.close()


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
    """Wait for the order, and serve."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
    faulthandler.disable()
    os.closerange(3, control)
    os.closerange(control + 1, 4096)
    size = int.from_bytes(exactly(control, 8), "big")
    job = json.loads(exactly(control, size))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nowhere, number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, mode, closefd=False) for number, mode in enumerate("rww"))
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


def exactly(control: int, size: int) -> bytes:
    """Read so many bytes; end this process where there are no more."""
    found = b""
    while len(found) < size:
        more = os.read(control, size - len(found))
        if not more:
            os._exit(0)
        found += more
    return found
