"""Detect whether this process only writes models down for another run; this module imports nothing heavy."""

from __future__ import annotations

import os
from pathlib import Path

CAPTURE_VARIABLE = "PYTEST_FORMFUNC_CAPTURE"


def capture_folder() -> Path | None:
    """Return the folder to write models into, or None if this process measures them."""
    folder = os.environ.get(CAPTURE_VARIABLE)
    return Path(folder) if folder else None
