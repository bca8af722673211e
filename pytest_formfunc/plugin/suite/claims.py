"""A pytest plugin that sets what the study of forms claims beside what a run of the suite found, after its report."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_formfunc.records import Record

RECORDS = pytest.StashKey[Any]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin without any record."""
    config.stash[RECORDS] = []


@pytest.hookimpl(optionalhook=True)  # the plugin may be switched off
def pytest_formfunc_record(config: pytest.Config, record: Record) -> None:
    """Keep a record."""
    config.stash[RECORDS].append(record)


@pytest.hookimpl(wrapper=True)  # so that the claims come after every other summary, the plugin's report included
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> Generator[None, Any, Any]:
    """Print the claims beside the records."""
    outcome = yield
    from pytest_formfunc.plugin.suite.study import claims

    if not config.getoption("formfunc_quiet", None):
        for line in claims(config.stash[RECORDS]):
            terminalreporter.write_line(line)
    return outcome
