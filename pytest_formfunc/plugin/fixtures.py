"""The fixtures: the axes of the matrix, each alone or as a whole case, and `formfunc`, which measures."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

from pytest_formfunc.plugin.measured_test import Formfunc
from pytest_formfunc.plugin.plan import PLAN
from pytest_formfunc.plugin.session import SESSION

if TYPE_CHECKING:
    from pytest_formfunc.cases import Case


@pytest.fixture
def formfunc(request: pytest.FixtureRequest, formfunc_backend: str, _formfunc_benchmark: Any) -> Formfunc:
    """Measure a case, or a model with an example input; the result has .speedup, .latency and .parity."""
    if "benchmark" in inspect.signature(request.function).parameters:
        pytest.fail(
            "a test is one row of the results, and this one takes both formfunc and benchmark: time with benchmark in "
            "a test of its own",
            pytrace=False,
        )
    return Formfunc(request.node, _formfunc_benchmark)


@pytest.fixture
def formfunc_backend(request: pytest.FixtureRequest) -> str:
    """Name of one backend: native or an accelerated one."""
    if hasattr(request, "param"):
        return str(request.param)
    plan = request.node.stash.get(PLAN, None)
    if plan is None:
        pytest.fail(
            "pytest cannot repeat a method of a unittest.TestCase for each of several backends: ask for one (a "
            "formfunc marker with backends=[...]), or write a function",
            pytrace=False,
        )
    return str(plan.backend)


@pytest.fixture
def formfunc_case(request: pytest.FixtureRequest) -> Case:
    """One form with its input shape: a pattern at a depth and a width."""
    return request.config.stash[SESSION].cases[request.param]


def _axis(request: pytest.FixtureRequest, name: str) -> Any:
    if hasattr(request, "param"):
        return request.param
    case: Case = request.getfixturevalue("formfunc_case")
    return case.form[name]


@pytest.fixture
def formfunc_pattern(request: pytest.FixtureRequest) -> str:
    """Name of one macro-architecture pattern."""
    return str(_axis(request, "name"))


@pytest.fixture
def formfunc_depth(request: pytest.FixtureRequest) -> int:
    """Number of blocks."""
    return int(_axis(request, "depth"))


@pytest.fixture
def formfunc_width(request: pytest.FixtureRequest) -> int:
    """Channels between blocks."""
    return int(_axis(request, "width"))


class WithBenchmark:
    """The fixture if pytest-benchmark is active: each test that measures is a row of its table."""

    @pytest.fixture
    def _formfunc_benchmark(self, benchmark: Any) -> Any:
        return benchmark


class WithoutBenchmark:
    """The fixture with ``-p no:benchmark``: tests measure and report, but there is no table and no saved run."""

    @pytest.fixture
    def _formfunc_benchmark(self) -> None:
        return None
