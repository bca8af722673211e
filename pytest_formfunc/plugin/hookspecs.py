"""Hooks that other plugins and conftest.py files may implement.

The three hooks that add names are called once: when options are checked or, if none is given, when the first test that
measures is collected. They are called only in plugins and conftest.py files that were loaded while pytest was
configured. They return plain data; what an entry names is imported in worker processes. docs/extending.md describes
all steps.
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
    """Receive each measured record, with its verdict, when its test ends."""


@pytest.hookspec
def pytest_formfunc_patterns(config: pytest.Config) -> Sequence[PatternEntry]:
    """Return patterns that users can then choose by name, as they can those of this package.

    The target of each is a `pytest_formfunc.forms.block.Block`, with an absolute import path.
    """
    return ()


@pytest.hookspec
def pytest_formfunc_architectures(config: pytest.Config) -> Sequence[ArchitectureEntry]:
    """Return architectures that users can then choose by name, as they can those of this package.

    The target of each is a ``torch.nn.Module`` class or a function that returns a module; neither takes arguments.
    """
    return ()


@pytest.hookspec
def pytest_formfunc_backends(config: pytest.Config) -> Sequence[BackendEntry]:
    """Return backends that users can then choose by name, as they can those of this package.

    The target of each is a subclass of `pytest_formfunc.backends.base.Engine`.
    """
    return ()
