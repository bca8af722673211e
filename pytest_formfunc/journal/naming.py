"""The name of a run. This imports nothing: every run under pytest-xdist has one."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime


def new_run_name(now: datetime | None = None) -> str:
    """Return a name for a run, which begins with its date and time in UTC and is its own on all machines."""
    moment = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    return f"{moment}-{secrets.token_hex(3)}"
