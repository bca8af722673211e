"""Whole networks, hand-crafted and searched: which gain most, and whether more operators per GMAC gain more.

``pytest bench/test_architectures.py`` measures them all; ``--formfunc-architectures`` selects some, and
``--formfunc-backends`` selects other engines. The report's last lines compare the study's claims with the results.
"""

from __future__ import annotations

import pytest


@pytest.mark.formfunc(architectures="all")
def test_architecture(formfunc, formfunc_case, formfunc_backend):
    """Measure one network on one backend."""
    formfunc(formfunc_case)
