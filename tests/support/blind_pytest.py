"""Pytest as a user starts it, but blind to other work on the machine: tests run beside each other.

Run as ``python FILE ARGUMENT...`` in place of ``python -m pytest ARGUMENT...``. The plugin is an object and no module that
``-p`` names, because the run passes such arguments on to the pytest that runs another revision's tests.
"""

from __future__ import annotations

import math
import os
import sys

import pytest


class Blind:
    """A plugin that lets no round count as disturbed because its threads waited or because cores were stolen."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> None:
        from pytest_formfunc.measure import quiet

        quiet.MOST_WAITING = quiet.MOST_STOLEN = math.inf


if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # as with -m, in place of this file's folder
    sys.exit(pytest.main(plugins=[Blind()]))
