"""Describe what one test measures. Plans are made when tests are collected and do not change afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from pytest_formfunc.plugin.benchmark_bridge import SeriesClock

if TYPE_CHECKING:
    from pytest_formfunc.marker import Marker

PLAN: pytest.StashKey[TestPlan] = pytest.StashKey()
CALLED: pytest.StashKey[bool] = pytest.StashKey()  # whether a test has called its formfunc


@dataclass(frozen=True)
class TestPlan:
    """One test that measures.

    Attributes:
        group: the id of its case, which the tests of the case's other backends share.
        backend: name of the backend whose record this test gets.
        marker: its merged ``formfunc`` markers.
        shares_case: whether tests with other values of their own parameters measure the same case of the matrix.
        clock: the timer that pytest-benchmark uses for it.
    """

    __test__ = False  # not a test class, whatever its name

    group: str
    backend: str
    marker: Marker
    shares_case: bool = False
    clock: SeriesClock = field(default_factory=SeriesClock)


def backends_by_case(plans: Iterable[TestPlan]) -> dict[str, tuple[str, ...]]:
    """Return the backends that each case is measured on: native first, then those of all its tests."""
    from pytest_formfunc.backends import NATIVE

    found: dict[str, dict[str, None]] = {}
    for plan in plans:
        found.setdefault(plan.group, {NATIVE: None})[plan.backend] = None
    return {group: tuple(backends) for group, backends in found.items()}
