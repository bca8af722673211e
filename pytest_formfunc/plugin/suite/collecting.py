"""A pytest plugin that collects the installed suite, in place of tests of the folder that pytest stands in.

``pytest-formfunc run`` names it (``-p``). Root folder, ini file and conftest.py are those of the user's folder.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from pytest_formfunc.plugin.suite import claims

FILE = "test_forms.py"  # as ids of tests have it; no file of the package has such a name, or pytest might collect it


def pytest_configure(config: pytest.Config) -> None:
    """Refuse paths: this plugin is there to collect the suite, and nothing else.

    Raises:
        pytest.UsageError: a path or a test was named.
    """
    paths = getattr(config.option, "file_or_dir", ())
    if paths and not hasattr(config, "workerinput"):  # a worker of pytest-xdist is told a path by its controller
        raise pytest.UsageError(
            f"{paths[0]!r} stands behind an option of pytest, where it is not read as a model: name models first, as "
            f"in pytest-formfunc run {paths[0]} ..."
        )
    config.pluginmanager.register(claims, "formfunc-claims")


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Have the root folder collected, whatever the ini file names as the tests' paths."""
    session.config.args = [str(session.config.rootpath)]


@pytest.hookimpl(tryfirst=True)
def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Put the suite in place of what is in the root folder."""
    return SuiteFolder.from_parent(parent, path=path) if path == parent.config.rootpath else None


class SuiteFolder(pytest.Directory):
    """The root folder, as if the suite were the only file in it."""

    def collect(self) -> Iterator[pytest.Collector]:
        """Give the suite."""
        yield SuiteModule.from_parent(self, path=self.path / FILE)


class SuiteModule(pytest.Module):
    """The suite's file, imported by its name: the import path stays as it is."""

    def _getobj(self) -> ModuleType:
        return importlib.import_module("pytest_formfunc.plugin.suite.forms")
