"""Whether this process is to write models down for another run, rather than to measure them; loads nothing."""

from __future__ import annotations

import os
from pathlib import Path

CAPTURE_VARIABLE = "PYTEST_FORMFUNC_CAPTURE"


def capture_folder() -> Path | None:
    """Return where this process is to write models down, or None where it is to measure them."""
    folder = os.environ.get(CAPTURE_VARIABLE)
    return Path(folder) if folder else None
