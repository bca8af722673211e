"""The command ``pytest-formfunc`` in this process."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from pytest_formfunc.cli import main
from support.project import Outcome


def command(*arguments: str | Path) -> Outcome:
    """Return its exit code and all that it wrote."""
    written = io.StringIO()
    with contextlib.redirect_stdout(written), contextlib.redirect_stderr(written):
        code = main([str(one) for one in arguments])
    return Outcome(code, written.getvalue())
