"""Pytest as a user starts it, but for runs beside other tests: blind to their load, and with one server.

Run as ``python FILE ARGUMENT...`` in place of ``python -m pytest ARGUMENT...``. The plugin is an object, because what
``-p`` names is passed on to the pytest that runs another revision's tests. Only xdist workers, which get nothing else,
take this module by ``-p`` (`FOR_WORKERS`).
"""

from __future__ import annotations

import functools
import math
import os
import sys
from pathlib import Path

import pytest

FOR_WORKERS = ("-p", "support.quick_pytest")


class Quick:
    """A plugin that changes what a run of little effort does.

    No round counts as disturbed because its threads waited, because cores were stolen or because the machine was slow,
    and all servers of a pool are one process, because each takes two seconds of a core to start: a fork of this one
    if it has imported the engines (`forked_server`). So is the pytest that runs another revision's tests
    (`forked_capture`).
    """

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        from pytest_formfunc.measure import pace, quiet, workers
        from pytest_formfunc.revisions import capture
        from pytest_formfunc.run import pacing
        from support import forked_capture, forked_server

        for module, name, stand_in in (
            (quiet, "MOST_WAITING", math.inf),
            (quiet, "MOST_STOLEN", math.inf),
            (pacing, "measured_pace", lambda *_: pace.Pace()),
            (workers, "ServerProcess", functools.cache(forked_server.ForkedServer)),
        ):
            getattr(module, name)  # raises where the name was moved: setting it would change nothing, and say nothing
            setattr(module, name, stand_in)
        forked_capture.use(capture)


pytest_collection = Quick().pytest_collection  # of this module as a plugin


def let_workers_find_it() -> None:
    """Let xdist workers, which have their controller's import path, find this module, after everything else."""
    sys.path.append(str(Path(__file__).parents[1]))


if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # as with -m, in place of this file's folder
    let_workers_find_it()
    sys.exit(pytest.main(plugins=[Quick()]))
