"""The project's own tests use pytest's plugin for testing plugins; files that import an engine are not always read."""

from support import engines

pytest_plugins = ["pytester"]


def pytest_ignore_collect(collection_path, config):
    """Where tests that need an engine are left out, do not even import what imports one: that takes seconds."""
    left_out = "not engine" in config.getoption("markexpr").split(" and ")
    return True if left_out and collection_path.suffix == ".py" and engines.imported(collection_path) else None
