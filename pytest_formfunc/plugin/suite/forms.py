"""The suite's one test: every requested form on every requested backend. ``bench/test_forms.py`` is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_formfunc.cases import Case
    from pytest_formfunc.plugin.measured_test import Formfunc


def test_form(formfunc: Formfunc, formfunc_case: Case, formfunc_backend: str) -> None:
    """Measure one form on one backend; in a comparison, fail if it has lost speedup."""
    formfunc(formfunc_case)
