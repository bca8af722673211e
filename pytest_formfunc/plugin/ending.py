"""Note how a session ended, before pytest-benchmark saves what it has."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_formfunc.plugin.session import Session


class Ending:
    """The plugin whose hook comes before all others when a session ends."""

    def __init__(self, session: Session) -> None:
        """Take this process' state."""
        self._session = session

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> Generator[None, Any, Any]:
        """Note whether tests were left: after Ctrl-C, -x, or an error of the whole run."""
        self._session.complete = int(exitstatus) in (0, 1) and not (session.shouldstop or session.shouldfail)
        return (yield)
