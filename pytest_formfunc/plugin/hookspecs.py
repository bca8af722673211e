"""Hooks that other plugins, and conftest.py files, may implement.

The three that add names are called once, when options are checked or, where none is given, when the first test that
measures is collected; only in plugins and conftest.py files that were loaded as pytest was configured. They return
light data: what an entry names is imported in worker processes. docs/extending.md has the whole path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_formfunc.backends import BackendEntry
    from pytest_formfunc.forms.architectures import ArchitectureEntry
    from pytest_formfunc.forms.patterns import PatternEntry
    from pytest_formfunc.records import Record


@pytest.hookspec
def pytest_formfunc_record(config: pytest.Config, record: Record) -> None:
    """Be told of each measured record, verdict included, as its test ends."""


@pytest.hookspec
def pytest_formfunc_patterns(config: pytest.Config) -> Sequence[PatternEntry]:
    """Return patterns to be known by name, as those of this package are.

    Each target is a `pytest_formfunc.forms.block.Block`, with an absolute import path.
    """
    return ()


@pytest.hookspec
def pytest_formfunc_architectures(config: pytest.Config) -> Sequence[ArchitectureEntry]:
    """Return architectures to be known by name, as those of this package are.

    Each target is a ``torch.nn.Module`` class or a function that makes one, without arguments.
    """
    return ()


@pytest.hookspec
def pytest_formfunc_backends(config: pytest.Config) -> Sequence[BackendEntry]:
    """Return backends to be known by name, as those of this package are.

    Each target is a `pytest_formfunc.backends.base.Engine`.
    """
    return ()
