"""Act when a test calls ``formfunc``: measure a case once for all its tests, then judge, save and check this one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from pytest_formfunc.errors import BadInput
from pytest_formfunc.plugin.benchmark_bridge import is_switched_off
from pytest_formfunc.plugin.plan import CALLED, MEASURED, PLAN, TestPlan
from pytest_formfunc.plugin.session import SESSION
from pytest_formfunc.revisions.capture_mode import capture_folder
from pytest_formfunc.text import log_line

if TYPE_CHECKING:
    from pytest_formfunc.cases import Case
    from pytest_formfunc.gate.rules import Rules
    from pytest_formfunc.plugin.own_model import Arguments
    from pytest_formfunc.plugin.result import Result
    from pytest_formfunc.policy import Policy
    from pytest_formfunc.records import Record
    from pytest_formfunc.settings import Settings


class Formfunc:
    """The value of the fixture, which is called with a case, or with a model and an example input."""

    def __init__(self, item: pytest.Function, benchmark: Any) -> None:
        """Take the test and the ``benchmark`` fixture, which is None if pytest-benchmark is not active."""
        self._item = item
        self._benchmark = benchmark
        self._used = False

    def __call__(
        self,
        model: Any,
        inputs: Any = None,
        *,
        kwargs: dict[str, Any] | None = None,
        others: Iterable[Any] | None = None,
        calibration: Iterable[Any] | None = None,
    ) -> Result:
        """Measure native and every accelerated backend of the case together, and judge this test's backend.

        Args:
            model: a `Case` (``formfunc_case``), a ``torch.nn.Module``, a ``torch.export.ExportedProgram``, or the
                path of a .onnx, .xml or .pt2 file.
            inputs: the arguments of an example call: a tensor, a tuple (which may contain tuples and dicts of tensors),
                or a dict of named arguments. They may be left out for a program, and for a file that has fixed shapes.
                Arrays of numpy become tensors.
            kwargs: named arguments beside those of ``inputs``.
            others: arguments of further calls, each like ``inputs``, whose outputs are compared as well. Where there
                are fewer than three, we draw the rest like the example.
            calibration: arguments of further calls, each like ``inputs``, to quantise your own model with; every fourth
                is set aside to measure the loss of accuracy. If they are left out, random inputs are used.

        Raises:
            pytest.fail.Exception: the case could not be measured, its outputs disagree, it lost speedup, or the
                arguments are neither a case nor a model with its input.
        """
        __tracebackhide__ = True
        from pytest_formfunc.backends import NATIVE
        from pytest_formfunc.cases import Case
        from pytest_formfunc.gate.rules import why_failed
        from pytest_formfunc.journal.lines import Judged
        from pytest_formfunc.measure.case_measurer import WITHOUT_NATIVE
        from pytest_formfunc.plugin.own_model import Arguments
        from pytest_formfunc.plugin.result import Result
        from pytest_formfunc.report.properties import properties_of

        if self._used:
            _fail("formfunc was called twice in one test: a test is one row of the results, so parametrize it")
        self._used = self._item.stash[CALLED] = True
        session, plan = self._item.config.stash[SESSION], self._item.stash[PLAN]
        given = Arguments(inputs, kwargs, others, calibration)
        folder = capture_folder()
        if folder is not None:
            self._capture(folder, plan, model, given)
        run, settings = session.run, session.settings
        assert run is not None  # it began when collection ended
        policy = session.policy_of(plan)
        case = model if isinstance(model, Case) else self._own_case(session.scratch, plan, model, given)
        run.results.tests[case.id, plan.backend] = name_to_paste(self._item)
        self._item.stash[MEASURED] = case.id, plan.backend
        run.measure(case, plan.group, once=is_switched_off(self._item.config, self._benchmark))
        key, results = (case.id, plan.backend), run.results
        verdict = None if key in results.failures else run.judge(case, plan.backend, policy.threshold)
        if key in results.failures:  # further launches may fail as well
            reason = results.failures[key]
            if settings.best and plan.backend != NATIVE:
                pytest.skip(f"{plan.backend} is not the best: {reason}")
            _fail(reason.removeprefix(WITHOUT_NATIVE))
        if key not in results.records:
            _fail(
                f"{case.id} on {plan.backend} was not measured: another test measured {case.id} before, "
                "without this backend"
            )
        record = _with_limits(results.records[key], policy)
        run.keep(record)
        self._keep(plan, record)
        self._item.user_properties += properties_of(record)
        timed = not record.once and settings.gate == "time"
        rules = _rules_of(policy, settings, plan.names(key))
        failed = why_failed(record, verdict, record.limits, rules, timed=timed)
        run.journal.judge(Judged(self._item.nodeid, *key, failed or ""))
        if failed is not None:
            _fail(failed)
        return Result(record, results.records.get((case.id, NATIVE)))

    def _keep(self, plan: TestPlan, record: Record) -> None:
        """Give the record to pytest-benchmark before the test can fail, so that it is saved in any case."""
        if self._item.config.stash[SESSION].worker is not None:
            return  # the controller does both
        if self._benchmark is not None:
            self._benchmark.extra_info["formfunc"] = record.to_json()
            plan.clock.play(self._benchmark, [value for launch in record.samples.median for value in launch])
        self._item.config.hook.pytest_formfunc_record(config=self._item.config, record=record)

    def _capture(self, folder: Path, plan: TestPlan, model: Any, given: Arguments) -> NoReturn:
        """Write the model down for the run that compares with this revision, and skip the rest of the test."""
        __tracebackhide__ = True
        from pytest_formfunc.cases import Case
        from pytest_formfunc.revisions.capture import note_captured

        if not isinstance(model, Case):
            note_captured(
                folder, plan.group, self._own_case(folder, plan, model, replace(given, calibration=None)).source
            )
        pytest.skip("captured for a comparison")

    def _own_case(self, folder: Path, plan: TestPlan, model: Any, given: Arguments) -> Case:
        __tracebackhide__ = True
        from pytest_formfunc.plugin.own_model import user_case, with_calibration

        if plan.shares_case:
            _fail(
                "a test with formfunc_case and parameters of its own measures that case: for a model of your own leave "
                "formfunc_case out and parametrize what it is made from"
            )
        try:
            case = user_case(folder, plan.group, model, given, self._item.module)
            return with_calibration(case, folder, given.calibration)
        except BadInput as error:
            problem = str(error)
        _fail(problem)  # outside of the except clause, or pytest would print both errors


def name_to_paste(item: pytest.Item) -> str:
    """Return a test's id as pytest takes it in the folder where this run was started."""
    path, colons, rest = str(item.nodeid).partition("::")
    started_in = item.config.invocation_params.dir
    if started_in != item.config.rootpath:
        path = os.path.relpath(item.config.rootpath / path, started_in)
    return f"{path}{colons}{rest}"


def _rules_of(policy: Policy, settings: Settings, names: Iterable[str]) -> Rules:
    """Return what a test has to satisfy, given the names by which the command line may accept that it is new."""
    from pytest_formfunc.gate.rules import Rules
    from pytest_formfunc.policy import Accepted

    if settings.shard is not None:  # all parts together are judged once, by pytest-formfunc merge
        return Rules(fail_on=())
    accepted = Accepted(settings.accept)
    strict = settings.strict and not any(name in accepted for name in names)
    return Rules(fail_on=policy.fail_on, strict=strict)


def _with_limits(record: Record, policy: Policy) -> Record:
    from pytest_formfunc.gate.limits import judge_limits

    limits = judge_limits(record, policy.min_speedup, policy.max_latency_s)
    return replace(record, limits=tuple(limits))


def _fail(sentence: str) -> NoReturn:
    __tracebackhide__ = True
    pytest.fail(log_line(sentence), pytrace=False)
