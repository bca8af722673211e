"""Pytest as a user starts it, but for runs beside other tests: blind to their load, and with one server.

Run as ``python FILE ARGUMENT...`` in place of ``python -m pytest ARGUMENT...``. The plugin is an object and no module that
``-p`` names, because the run passes such arguments on to the pytest that runs another revision's tests.
"""

from __future__ import annotations

import functools
import math
import os
import sys

import pytest


class Quick:
    """A plugin that changes what a run of little effort does.

    No round counts as disturbed because its threads waited, because cores were stolen or because the machine was slow,
    and all servers of a pool are one process, because each takes a second and a half of a core to start.
    """

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        from pytest_formfunc.measure import pace, quiet, workers
        from pytest_formfunc.run import run

        quiet.MOST_WAITING = quiet.MOST_STOLEN = math.inf
        run.measured_pace = lambda *_: pace.Pace()
        workers.ServerProcess = functools.cache(workers.ServerProcess)


if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # as with -m, in place of this file's folder
    sys.exit(pytest.main(plugins=[Quick()]))
