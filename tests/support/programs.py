"""Programs that tests run."""

import os
import shutil
import sys
from pathlib import Path

import pytest


def program(name):
    """Return the path of a program that tests need, beside this Python or anywhere; skip where it is not installed."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        assert "FORMFUNC_TESTS_NEED_ALL" not in os.environ, f"{name} is not installed, and every test has to run"
        pytest.skip(f"needs {name}, not installed here")
    return found
