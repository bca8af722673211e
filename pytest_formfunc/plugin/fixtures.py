"""The fixtures: the matrix, each axis alone or all together, and `formfunc`, which measures.

Nothing heavy is imported before a test asks for it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from pytest_formfunc.errors import BadInput
from pytest_formfunc.plugin.options import marker_options
from pytest_formfunc.revisions.capture_mode import capture_folder

if TYPE_CHECKING:
    from pytest_formfunc.cases import Case
    from pytest_formfunc.plugin.plan import TestPlan
    from pytest_formfunc.plugin.result import Result
    from pytest_formfunc.records import Record, Verdict
    from pytest_formfunc.run import Run
    from pytest_formfunc.settings import Settings

PLAN: pytest.StashKey[TestPlan] = pytest.StashKey()
CASES: pytest.StashKey[dict[str, Case]] = pytest.StashKey()


class Formfunc:
    """What the fixture gives: call it with a case, or with a model and an example input."""

    def __init__(self, item: pytest.Function, benchmark: Any) -> None:
        """Bind to one test and, where pytest-benchmark is on, its fixture."""
        self._item = item
        self._benchmark = benchmark
        self._used = False

    def __call__(self, model: Any, inputs: Any = None, *, calibration: Iterable[Any] | None = None) -> Result:
        """Measure native and every accelerated backend of the case together, and judge this test's backend.

        Args:
            model: a `Case` (``formfunc_case``), a ``torch.nn.Module``, a ``torch.export.ExportedProgram``, or the
                path of a .onnx, .xml or .pt2 file.
            inputs: the arguments of an example call: a tensor, a tuple (tensors may lie in tuples and dicts within
                it), or a dict of named arguments. Programs have their own, and so have files that know their shapes.
            calibration: arguments of further calls, each like `inputs`, to quantise a model of yours with; every fourth
                is kept to see what that costs in accuracy. Without them inputs are drawn.

        Raises:
            pytest.fail.Exception: the case could not be measured, its outputs disagree, it lost speedup, or the
                arguments are neither a case nor a module with its input.
        """
        __tracebackhide__ = True
        from pytest_formfunc.backends import NATIVE
        from pytest_formfunc.cases import Case
        from pytest_formfunc.plugin.result import Result

        if self._used:
            _fail("formfunc was called twice in one test: a test is one row of the results, so parametrize it")
        self._used = True
        plan = self._item.stash[PLAN]
        folder = capture_folder()
        if folder is not None:
            self._capture(folder, plan, model, inputs)
        run = plan.run()
        run.once = self._benchmark is not None and not self._benchmark.enabled
        case = model if isinstance(model, Case) else self._user_case(run.scratch, plan, model, inputs, calibration)
        key = (case.id, plan.backend)
        title = f"{case.id} on {plan.backend}"
        run.measure(case, plan.siblings)
        verdict = None
        if key not in run.failures:
            verdict = run.judge(case, plan.backend, float(plan.marker.get("threshold", run.settings.threshold)))
        if key in run.failures and run.settings.best and plan.backend != NATIVE:
            pytest.skip(f"{plan.backend} is not the best: {run.failures[key]}")
        if key in run.failures:  # a second look can fail where the first did not
            _fail(f"{title}: {run.failures[key]}")
        if key not in run.records:
            _fail(f"{title} was not measured: another test measured {case.id} before, without this backend")
        record = run.records[key]
        self._keep(plan, record)
        self._check_verdict(plan, title, verdict, run.settings)
        if not run.once and run.settings.gate == "time":
            self._check_min_speedup(plan, record)
            self._check_max_latency(plan, record)
        elif run.settings.strict:
            for rule in {"min_speedup", "max_latency"} & set(plan.marker):
                _fail(
                    f"{title}: its {rule} was not judged, for nothing was timed, which --formfunc-strict does not pass"
                )
        return Result(record, run.records.get((case.id, NATIVE)))

    def _keep(self, plan: TestPlan, record: Record) -> None:
        """Hand the record to pytest-benchmark before anything can fail: it is saved in any case."""
        if self._benchmark is not None:
            self._benchmark.extra_info["formfunc"] = record.to_json()
            plan.clock.play(self._benchmark, [value for launch in record.samples.median for value in launch])
        self._item.config.hook.pytest_formfunc_record(config=self._item.config, record=record)

    def _check_verdict(self, plan: TestPlan, title: str, verdict: Verdict | None, settings: Settings) -> None:
        """Fail where the verdict is one that is to fail."""
        __tracebackhide__ = True
        if verdict is None:
            return
        fail_on = plan.marker.get("fail_on", settings.fail_on)
        status = verdict.status
        if status == "regressed" and "loss" in fail_on:
            _fail(verdict.reason)
        if status == "improved" and "gain" in fail_on:
            _fail(f"{verdict.reason}; it fails on a gain, for the baseline is stale: save a new one")
        if status in ("unchanged", "inconclusive", "regressed") and "no-gain" in fail_on:
            _fail(f"{verdict.reason}; it fails without a gain")
        if status == "inconclusive" and "inconclusive" in fail_on:
            _fail(f"{verdict.reason}; it fails where it cannot be sure")
        if settings.strict and status in ("new", "not comparable"):  # unsure is not red: it may be noise
            _fail(f"{title} is {status}, which --formfunc-strict does not pass: {verdict.reason}")

    def _check_min_speedup(self, plan: TestPlan, record: Record) -> None:
        """Fail where the speedup, by its launches, is surely below the marker's floor."""
        __tracebackhide__ = True
        from pytest_formfunc.stats.bootstrap import paired_log_ratios
        from pytest_formfunc.stats.launches import launch_means
        from pytest_formfunc.units import format_estimate, format_ratio

        floor = plan.marker.get("min_speedup")
        if floor is None or record.native_samples is None:
            return
        # Not the record's own interval: with few launches a percentile bootstrap is too narrow to fail a test.
        speedup = launch_means(paired_log_ratios(record.native_samples.median, record.samples.median)).interval()
        if speedup.high < floor:
            _fail(
                f"{record.case} on {record.backend} has a speedup of {format_estimate(speedup)}, "
                f"below the min_speedup of {format_ratio(floor)}"
            )

    def _check_max_latency(self, plan: TestPlan, record: Record) -> None:
        """Fail where the latency, by its launches, is surely above the marker's ceiling."""
        __tracebackhide__ = True
        import math
        from statistics import median

        from pytest_formfunc.stats.student import ratio_estimate
        from pytest_formfunc.units import format_ms

        ceiling = plan.marker.get("max_latency")
        if ceiling is None:
            return
        latency = ratio_estimate([math.log(median(launch)) for launch in record.samples.median])
        if latency.low > ceiling:
            _fail(
                f"{record.case} on {record.backend} takes {format_ms(latency.value)} ms ({format_ms(latency.low)} to "
                f"{format_ms(latency.high)}), above the max_latency of {format_ms(ceiling)} ms"
            )

    def _capture(self, folder: Path, plan: TestPlan, model: Any, inputs: Any) -> NoReturn:
        """Write the model down for the run that compares with this revision, and end the test."""
        __tracebackhide__ = True
        from pytest_formfunc.cases import Case
        from pytest_formfunc.revisions.capture import note_captured

        if not isinstance(model, Case):
            note_captured(folder, plan.group, self._user_case(folder, plan, model, inputs).source)
        pytest.skip("captured for a comparison")

    def _user_case(
        self, folder: Path, plan: TestPlan, model: Any, inputs: Any, calibration: Iterable[Any] | None = None
    ) -> Case:
        __tracebackhide__ = True
        from pytest_formfunc.plugin.plan import user_case, with_calibration

        if plan.shares_case:
            _fail(
                f"{self._item.nodeid}: a test with formfunc_case and parameters of its own measures that case: for a "
                "model of your own leave formfunc_case out and parametrize what it is made from"
            )
        try:
            case = user_case(folder, plan.group, model, inputs, self._item.module)
            return with_calibration(case, folder, calibration)
        except BadInput as error:
            _fail(f"{self._item.nodeid}: {error}")


def _fail(sentence: str) -> NoReturn:
    __tracebackhide__ = True
    pytest.fail(sentence, pytrace=False)


@pytest.fixture
def formfunc(request: pytest.FixtureRequest, formfunc_backend: str, _formfunc_benchmark: Any) -> Formfunc:
    """Measure a case, or a model with an example input: gives a result with .speedup, .latency and .parity."""
    return Formfunc(request.node, _formfunc_benchmark)


@pytest.fixture
def formfunc_backend(request: pytest.FixtureRequest) -> str:
    """Name of one backend: native, or an accelerated one."""
    return str(request.param)


@pytest.fixture
def formfunc_case(request: pytest.FixtureRequest) -> Case:
    """One form with its input shape: a pattern at a depth and a width."""
    return request.config.stash[CASES][request.param]


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
    """Registered where pytest-benchmark is on: each measuring test is one of its rows."""

    @pytest.fixture
    def _formfunc_benchmark(self, benchmark: Any) -> Any:
        return benchmark


class WithoutBenchmark:
    """Registered under ``-p no:benchmark``: measures and reports, writes no table and no file."""

    @pytest.fixture
    def _formfunc_benchmark(self) -> None:
        return None


def parametrize_matrix(metafunc: pytest.Metafunc, settings: Settings) -> None:
    """Give the matrix' fixtures their values, except those that the test parametrizes itself.

    Raises:
        BadInput: a width that a pattern cannot take.
        pytest.UsageError: a marker that says what cannot be.
    """
    marker = marker_options(metafunc.definition)
    if "architectures" in marker:
        settings = settings.for_architectures(marker["architectures"])
    own = {
        name.strip()
        for marker in metafunc.definition.iter_markers("parametrize")
        for name in (marker.args[0].split(",") if isinstance(marker.args[0], str) else marker.args[0])
    }
    wanted = set(metafunc.fixturenames) - own
    if "formfunc_case" in wanted:
        cases = {case.id: case for case in settings.cases()}
        metafunc.config.stash[CASES].update(cases)
        metafunc.parametrize("formfunc_case", list(cases), indirect=True)
    else:
        for axis in ("pattern", "depth", "width"):
            if f"formfunc_{axis}" in wanted:
                metafunc.parametrize(f"formfunc_{axis}", getattr(settings, f"{axis}s"), indirect=True)
    if "formfunc_backend" in wanted:
        accelerated = list(marker.get("backends", settings.backends))
        # A test that asks for the backend has a row for native too; one that does not compares with it.
        asks = "formfunc_backend" in inspect.signature(metafunc.function).parameters
        names = ["native", *accelerated] if asks else accelerated
        metafunc.parametrize("formfunc_backend", names, indirect=True)


def plan_test(item: pytest.Function, run: Callable[[], Run]) -> None:
    """Say what a measuring test stands for, and give pytest-benchmark the clock that replays its latencies."""
    from pytest_formfunc.plugin.plan import TestPlan

    params = dict(item.callspec.params) if hasattr(item, "callspec") else {}
    backend = str(params.pop("formfunc_backend"))
    group = params.get("formfunc_case")
    if group is None:  # the test's id without its backend
        others = f"-{item.callspec.id}-".replace(f"-{backend}-", "-", 1).strip("-")
        name = f"{item.originalname}[{others}]" if others else item.originalname
        group = item.nodeid.removesuffix(item.name) + name
    shares_case = "formfunc_case" in params and len(params) > 1
    plan = TestPlan(str(group), backend, marker_options(item), run, shares_case=shares_case)
    item.stash[PLAN] = plan
    if item.config.pluginmanager.has_plugin("benchmark"):
        own = item.get_closest_marker("benchmark")
        marker = {"group": plan.group, **(own.kwargs if own else {}), "timer": plan.clock}
        item.add_marker(pytest.mark.benchmark(**marker), append=False)
        # A case that cannot be measured never reaches its row; its failure says why.
        item.add_marker(pytest.mark.filterwarnings("ignore:Benchmark fixture was not used"))
