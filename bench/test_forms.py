"""The suite: every requested pattern, depth and width on every requested backend."""

from __future__ import annotations


def test_form(formfunc, formfunc_case, formfunc_backend):
    """Measure one form on one backend; in a comparison, fail if it has lost speedup."""
    formfunc(formfunc_case)
