"""Whole networks, hand-crafted and searched: which of them gain most, and whether more operators a GMAC gain more.

``pytest bench/test_architectures.py`` measures them all; with ``--formfunc-architectures`` only those named, with
``--formfunc-backends`` on other engines. The report's last lines set the study's claims beside what was measured.
"""

from __future__ import annotations

import pytest


@pytest.mark.formfunc(architectures="all")
def test_architecture(formfunc, formfunc_case, formfunc_backend):
    """Measure one network on one backend."""
    formfunc(formfunc_case)
