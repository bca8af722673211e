"""The suite: every pattern at every depth and width asked for, on every backend."""

from __future__ import annotations


def test_form(formfunc, formfunc_case, formfunc_backend):
    """Measure one form on one backend; a comparison fails it when its speedup is lost."""
    formfunc(formfunc_case)
