"""Give the fixtures of the matrix their values, and plan each test that measures."""

from __future__ import annotations

import inspect

import pytest

from pytest_formfunc.plugin.options import read_markers
from pytest_formfunc.plugin.plan import PLAN, TestPlan
from pytest_formfunc.plugin.session import SESSION, Session


def parametrize_matrix(metafunc: pytest.Metafunc, session: Session) -> None:
    """Give the fixtures of the matrix their values, except those that the test parametrizes itself.

    Raises:
        BadInput: a pattern cannot take a width.
        pytest.UsageError: a marker is invalid.
    """
    settings = session.settings  # first: it makes the names known that others add, and a marker may use them
    marker = read_markers(metafunc.definition)
    if marker.architectures is not None:
        settings = settings.for_architectures(marker.architectures)
    own = {
        name.strip()
        for mark in metafunc.definition.iter_markers("parametrize")
        for name in (mark.args[0].split(",") if isinstance(mark.args[0], str) else mark.args[0])
    }
    wanted = set(metafunc.fixturenames) - own
    if "formfunc_case" in wanted:
        cases = settings.cases()
        session.add_cases(cases)
        metafunc.parametrize("formfunc_case", list(dict.fromkeys(case.id for case in cases)), indirect=True)
    else:
        for axis in ("pattern", "depth", "width"):
            if f"formfunc_{axis}" in wanted:
                metafunc.parametrize(f"formfunc_{axis}", getattr(settings, f"{axis}s"), indirect=True)
    if "formfunc_backend" in wanted:
        accelerated = settings.backends if marker.backends is None else marker.backends
        # A test that uses formfunc_backend also has a row for native; another test is only compared with native.
        asks = "formfunc_backend" in inspect.signature(metafunc.function).parameters
        names = ["native", *accelerated] if asks else list(accelerated)
        metafunc.parametrize("formfunc_backend", names, indirect=True)


def _only_backend(item: pytest.Function) -> str | None:
    """Return the backend of a test without parameters; None where several are asked for."""
    marker = read_markers(item)
    backends = item.config.stash[SESSION].settings.backends if marker.backends is None else marker.backends
    return backends[0] if len(backends) == 1 else None


def plan_test(item: pytest.Function) -> None:
    """Plan a test that measures, and give pytest-benchmark the clock that replays its latencies.

    A method of a ``unittest.TestCase``, which pytest does not parametrize, measures the only backend that was asked
    for; where there are several it gets no plan, and its fixture says so.
    """
    params = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    backend = params.pop("formfunc_backend", None) or _only_backend(item)
    if not isinstance(backend, str):
        return
    group = params.get("formfunc_case")
    if group is None:  # the test's id without its backend
        ids = item.callspec.id if hasattr(item, "callspec") else ""
        others = f"-{ids}-".replace(f"-{backend}-", "-", 1).strip("-")
        name = f"{item.originalname}[{others}]" if others else item.originalname
        group = item.nodeid.rpartition(item.name)[0] + name  # xdist may have added its group at the end
    shares_case = "formfunc_case" in params and len(params) > 1
    plan = item.stash[PLAN] = TestPlan(str(group), backend, read_markers(item), shares_case, item.nodeid)
    if item.config.pluginmanager.has_plugin("benchmark"):
        own = item.get_closest_marker("benchmark")
        marker = {"group": plan.group, **(own.kwargs if own else {}), "timer": plan.clock}
        item.add_marker(pytest.mark.benchmark(**marker), append=False)
        # A case that cannot be measured has no row; its failure says why, so the warning is not needed.
        item.add_marker(pytest.mark.filterwarnings("ignore:Benchmark fixture was not used"))
