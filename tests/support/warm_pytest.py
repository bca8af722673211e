"""pytest's own start, paid once: a process that has imported it and its plugins and forks for each run of a user's.

Run as ``python -m support.warm_pytest MODULE...``. It stays single-threaded and runs no test itself, so each fork is what
``python -m pytest`` would be after its imports: a process of its own, with its own folder, environment and output.
Requests are lines of JSON on its standard input, answers exit codes on its standard output; it ends with its parent.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support import forked_server, forked_worker
from support.child import be_elsewhere


class WarmPytest:
    """The parent's side."""

    def __init__(self, modules: tuple[str, ...]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.warm_pytest", *modules],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            # Without threads of numpy's, which a fork would lack.
            env={
                **os.environ,
                "OPENBLAS_NUM_THREADS": "1",
                "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *python_path()]),
            },
        )  # fmt: skip

    def run(
        self, args: list[str], folder: Path, environment: dict[str, str], timeout_s: float, *, quick: bool
    ) -> tuple[int, str]:
        """Run pytest; return its exit code and what it wrote, errors last. `Quick` is its plugin if it is ``quick``.

        Raises:
            subprocess.TimeoutExpired: it did not end within the limit, and was killed.
        """
        with tempfile.TemporaryDirectory() as written:
            files = [str(Path(written, name)) for name in ("out", "err")]
            request = {
                "args": args,
                "folder": str(folder),
                "environment": environment,
                "files": files,
                "limit": timeout_s,
                "quick": quick,
            }
            self._process.stdin.write(json.dumps(request) + "\n")
            code = json.loads(self._process.stdout.readline())
            text = "".join(Path(file).read_text(encoding="utf-8", errors="replace") for file in files)
        if code is None:
            raise subprocess.TimeoutExpired(args, timeout_s, text)
        return code, text


@functools.cache
def warm_pytest(*modules: str) -> WarmPytest:
    """Return the process that has these modules imported too; it ends with this one."""
    return WarmPytest(modules)


def python_path() -> list[str]:
    return [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]


def _warm_up(modules: list[str]) -> None:
    import pytest

    with tempfile.TemporaryDirectory() as empty, contextlib.chdir(empty), contextlib.redirect_stdout(sys.stderr):
        Path("pytest.ini").write_text("[pytest]\n")
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere), contextlib.redirect_stdout(nowhere):
            # pytest-rerunfailures starts a thread beside pytest-xdist, which a fork would lack.
            pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:rerunfailures"])
    for name in modules:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if "torch" in sys.modules:
        forked_server.import_engines()


def _be_the_users(request: dict) -> int:
    """Become what ``python -m pytest`` in that folder is; return its exit code."""
    import pytest

    from support import forked_capture
    from support.quick_pytest import Quick, let_workers_find_it

    be_elsewhere(request["folder"], request["environment"], request["files"])
    sys.argv = ["pytest", *request["args"]]
    sys.path[:2] = [request["folder"]]  # in place of this process' own folder and of ours in PYTHONPATH
    let_workers_find_it()
    forked_worker.fork_workers(forked_worker.number_of(request["args"]), quick=request["quick"])
    if request["quick"]:
        forked_server.fork_template()
        if "--formfunc-against" in request["args"]:
            forked_capture.fork_template()
    return int(pytest.main(request["args"], plugins=[Quick()] if request["quick"] else []))


def _wait(pid: int, limit_s: float) -> int | None:
    """Return how a fork ended; None where it did not in time, and was killed with what it started."""
    end = time.monotonic() + limit_s
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return None
        time.sleep(0.005)


def main() -> None:
    _warm_up(sys.argv[1:])
    while line := sys.stdin.readline():
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)
            code = 70
            try:
                code = _be_the_users(request)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        print(json.dumps(_wait(pid, request["limit"])), flush=True)


if __name__ == "__main__":
    main()
