"""The project's own tests use pytest's plugin for testing plugins."""

pytest_plugins = ["pytester"]
