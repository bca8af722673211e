"""The suite: every requested pattern, depth and width on every requested backend. `pytest-formfunc run` is the same."""

from __future__ import annotations

from pytest_formfunc.plugin.suite.forms import test_form

__all__ = ["test_form"]
