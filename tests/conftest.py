"""The fixtures that tests share."""

from __future__ import annotations

import os
import tempfile

import pytest
from support import engines
from support.project import Project, make_bench, make_repository

if "PYTEST_XDIST_WORKER" in os.environ:  # tests beside each other: OpenMP's threads would spin on each other's cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Runs of tests beside each other do not wait for each other: they check messages and records, not speed.
LOCKS = tempfile.TemporaryDirectory(prefix="formfunc-test-locks-")
os.environ["FORMFUNC_LOCK_FOLDER"] = LOCKS.name


def pytest_pycollect_makemodule(module_path, parent):
    """Skip a module that cannot be imported here, with the reason."""
    if engines.absent(engines.imported(module_path)):
        return engines.Unimportable.from_parent(parent, path=module_path)
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    engines.mark(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    engines.running = item
    return (yield)


@pytest.fixture(scope="session")
def artifact_cache(tmp_path_factory):
    """One folder of converted models for all tests of a run, beside each other or not: it is keyed by content."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "artifacts"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def project(tmp_path, artifact_cache):
    one = Project(tmp_path, artifact_cache)
    one.write("pytest.ini", "[pytest]\n")
    return one


@pytest.fixture
def bench(project):
    """A project whose one file measures the matrix."""
    return make_bench(project)


@pytest.fixture
def repository(project):
    """A user's repository with a network, a test of it, and one commit, tagged v1."""
    return make_repository(project)
