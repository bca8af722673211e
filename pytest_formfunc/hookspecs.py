"""Hooks that other plugins may implement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_formfunc.records import Record


@pytest.hookspec
def pytest_formfunc_record(config: pytest.Config, record: Record) -> None:
    """Be told of each measured record, verdict included, as its test ends."""
