"""The pytest that runs another revision's tests, as a fork of a process that has imported pytest and the engines.

A new interpreter takes three seconds of a core for its imports. The fork is made before pytest begins, while the process
has one thread and nothing of the user's; `run` is put in place of ``subprocess.run`` where models are captured.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import types
from pathlib import Path

from support.child import Child, be_elsewhere
from support.forked_server import exactly

_waiting: list[Template] = []  # one at most


class Template(Child):
    """The child, and this process' handle of it."""

    def __init__(self) -> None:
        super().__init__()
        self.control, theirs = socket.socketpair()
        self.fork(lambda: _become_pytest(theirs.detach()))
        theirs.close()


def fork_template() -> None:
    """Fork what may become that pytest, unless there are threads that a fork lacks."""
    if len(os.listdir("/proc/self/task")) == 1:
        _waiting.append(Template())


def use(capture: types.ModuleType) -> None:
    """Let a module that captures models use the template, if there is one."""
    capture.subprocess = types.SimpleNamespace(**{**vars(subprocess), "run": run})


def run(command: list[str], **how) -> subprocess.CompletedProcess:
    """Do what ``subprocess.run`` does with ``python -m pytest ARGUMENT...``."""
    if not _waiting or command[:3] != [sys.executable, "-m", "pytest"]:
        return subprocess.run(command, **how)  # noqa: PLW1510 - it is in `how`
    child = _waiting.pop()
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder, name)) for name in ("out", "err")]
        job = {"args": command[3:], "folder": str(how["cwd"]), "environment": how["env"], "files": files}
        text = json.dumps(job).encode()
        child.control.sendall(len(text).to_bytes(8, "big") + text)
        try:
            code = child.wait(how["timeout"])
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            raise
        finally:
            child.control.close()
        out, err = (Path(file).read_text(encoding="utf-8", errors="replace") for file in files)
    return subprocess.CompletedProcess(command, code, out, err)


def _become_pytest(control: int) -> None:
    """Wait for the order, and be what ``python -m pytest`` would be there."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    faulthandler.disable()
    os.closerange(3, control)  # the parent's ends are among them: while one is open, no template sees that it has ended
    os.closerange(control + 1, 4096)
    size = int.from_bytes(exactly(control, 8), "big")
    job = json.loads(exactly(control, size))
    os.close(control)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    be_elsewhere(job["folder"], job["environment"], job["files"])
    added = [entry for entry in os.environ["PYTHONPATH"].split(os.pathsep) if entry]
    sys.path[:1] = [job["folder"], *added]  # in place of the comparing run's own folder
    for name in [one for one in sys.modules if one.partition(".")[0] == "pytest_formfunc"]:
        del sys.modules[name]  # the plugin is imported from where PYTHONPATH has it
    sys.argv = ["pytest", *job["args"]]
    code = 70
    with contextlib.suppress(SystemExit):
        import pytest

        code = int(pytest.main(job["args"]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
