"""Describe what one test measures. Plans are made when tests are collected and do not change afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from pytest_formfunc.plugin.benchmark_bridge import SeriesClock

if TYPE_CHECKING:
    from pytest_formfunc.marker import Marker
    from pytest_formfunc.policy import Policy
    from pytest_formfunc.records import Key
    from pytest_formfunc.settings import Settings

PLAN: pytest.StashKey[TestPlan] = pytest.StashKey()
CALLED: pytest.StashKey[bool] = pytest.StashKey()  # whether a test has called its formfunc
MEASURED: pytest.StashKey[tuple[str, str]] = pytest.StashKey()  # case and backend that its call was for


@dataclass(frozen=True)
class TestPlan:
    """One test that measures.

    Attributes:
        group: the id of its case, which the tests of the case's other backends share.
        backend: name of the backend whose record this test gets.
        marker: its merged ``formfunc`` markers.
        shares_case: whether tests with other values of their own parameters measure the same case of the matrix.
        test: its id.
        clock: the timer that pytest-benchmark uses for it.
    """

    __test__ = False  # not a test class, whatever its name

    group: str
    backend: str
    marker: Marker
    shares_case: bool = False
    test: str = ""
    clock: SeriesClock = field(default_factory=SeriesClock)

    @property
    def key(self) -> Key:
        """Return the group and the backend."""
        return self.group, self.backend

    def names(self, key: Key) -> tuple[str, ...]:
        """Return the names that ``--formfunc-accept`` knows the test and its case by, given case and backend."""
        pairs = (self.key, key)
        return (self.test, *("-".join(pair) for pair in pairs), *(" on ".join(pair) for pair in pairs))

    def fail_on(self, settings: Settings) -> tuple[str, ...]:
        """Return the kinds of verdict that fail the test: its marker has precedence."""
        return settings.fail_on if self.marker.fail_on is None else self.marker.fail_on

    def threshold(self, settings: Settings) -> float:
        """Return the loss of speedup that counts: its marker has precedence."""
        return settings.threshold if self.marker.threshold is None else self.marker.threshold

    @property
    def has_limits(self) -> bool:
        """Return whether its marker has a floor or a ceiling."""
        return self.marker.min_speedup is not None or self.marker.max_latency_s is not None

    def policy(self, settings: Settings) -> Policy:
        """Return what fails the test by its marker and the settings."""
        from pytest_formfunc.policy import Policy

        marker = self.marker
        return Policy(self.threshold(settings), self.fail_on(settings), marker.min_speedup, marker.max_latency_s)


def backends_by_case(plans: Iterable[TestPlan]) -> dict[str, tuple[str, ...]]:
    """Return the backends that each case is measured on: native first, then those of all its tests."""
    from pytest_formfunc.backends import NATIVE

    found: dict[str, dict[str, None]] = {}
    for plan in plans:
        found.setdefault(plan.group, {NATIVE: None})[plan.backend] = None
    return {group: tuple(backends) for group, backends in found.items()}
