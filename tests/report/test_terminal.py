"""``best`` tries what is there; a test may bring its architectures; what a row says; a busy machine is said."""

from dataclasses import replace

import pytest
from support.records import CAUSE, contended, memory_kept, native_record, record

from pytest_formfunc.records.parts import MET, MISSED, NOT_SHOWN, Limit, Noise, ProcessRange
from pytest_formfunc.report.backend_table import render_backend
from pytest_formfunc.report.terminal import _best, _busy, _failures, render_report, render_spent
from pytest_formfunc.results import Results, Spent
from pytest_formfunc.units import format_ratio

OWN = """
import pytest

@pytest.mark.formfunc(architectures=["squeezenet1_1", "shufflenet_v2"])
def test_mine(formfunc, formfunc_case):
    formfunc(formfunc_case)
"""


@pytest.mark.engine
def test_best_measures_what_is_available_and_names_the_fastest(bench):
    """One row for each backend of this machine; what another machine has is no failure here."""
    outcome = bench.measure("--formfunc-patterns", "plain", "--formfunc-depths", "1", "--formfunc-backends", "best",
                            "--formfunc-widths", "8", "--benchmark-json=out.json")  # fmt: skip
    assert outcome.code == 0, outcome.text
    fastest = min(bench.records("out.json").values(), key=lambda one: one["latency_s"]["median"])
    lines = outcome.text.splitlines()
    said = lines[lines.index("fastest that keeps parity:") + 1]
    assert said.strip().startswith(f"plain-d1-w8-1x3x32x32: {fastest['backend']} ")


@pytest.mark.engine
def test_a_marker_brings_architectures_and_the_option_narrows_them(project):
    project.write("test_mine.py", OWN)
    outcome = project.pytest("--collect-only", "-q")
    assert "test_mine[squeezenet1_1-openvino]" in outcome.text
    assert "test_mine[shufflenet_v2-openvino]" in outcome.text
    outcome = project.pytest("--collect-only", "-q", "--formfunc-architectures", "shufflenet_v2,darts")
    assert "test_mine[shufflenet_v2-openvino]" in outcome.text
    assert "squeezenet1_1" not in outcome.text
    assert "darts" not in outcome.text
    outcome = project.measure("--formfunc-architectures", "shufflenet_v2", "--benchmark-disable")
    assert "1 passed" in outcome.text, outcome.text


def test_a_marker_with_an_unknown_architecture_is_wrong_usage(project):
    project.write("test_mine.py", OWN.replace("shufflenet_v2", "shufflenet_v3"))
    outcome = project.pytest()
    assert outcome.code == 4
    assert "unknown architecture 'shufflenet_v3': did you mean shufflenet_v2" in outcome.text


def test_best_beside_another_backend_is_wrong_usage(bench):
    outcome = bench.pytest("--formfunc-backends", "best,openvino")
    assert outcome.code == 4
    assert "--formfunc-backends best stands alone: it tries every backend that is available" in outcome.text


def test_of_equal_cases_the_least_latency_is_named_with_its_settings():
    slow = record(0.004, backend="openvino")
    fast = record(0.002, backend="openvino-int8", settings={"requests": 4})
    text = " ".join(line.text for line in _best([slow, fast]))
    assert "residual-d8-w64: openvino-int8 2.00 ms, 5.0" in text
    assert "requests=4" in text
    native = native_record(0.001)
    assert "native 1.00 ms: nothing beats it" in " ".join(line.text for line in _best([slow, native]))


def whole(records, **more):
    return render_report(Results(records={one.key: one for one in records}, **more))


def said(lines):
    return " ".join(" ".join(line.text for line in lines).split())


def test_a_busy_machine_is_said_with_what_to_do():
    """Each cause once, with the number of rows that claim nothing because of it."""
    other = "its processes were stopped and continued"
    rows = [contended(record(0.002, case=case)) for case in ("a", "b")] + [contended(record(0.002, case="c"), other)]
    text = said(_busy([native_record(), *rows, record(0.002, case="d")]))
    assert f"contended: 2 of 4 rows claim no speedup, because {CAUSE}: close what keeps the cores busy" in text
    assert f"contended: 1 of 4 rows claim no speedup, because {other}" in text
    assert "busy host" not in text
    assert said(_busy([native_record(), record(0.002)])) == ""


def test_a_contended_row_claims_no_figure():
    """Neither milliseconds nor a speedup; it comes last, and has no part in the mean."""
    lines = [line.text for line in whole([contended(record(0.0001, case="busy")), record(0.005)])]
    (busy,) = [line for line in lines if line.startswith("busy")]
    assert busy.split() == ["busy", "-", "-", "contended", "-"]
    assert lines.index(busy) > next(index for index, line in enumerate(lines) if line.startswith("residual"))
    assert any(line.startswith("geometric mean 2.0") and line.endswith("over 1 case") for line in lines)


@pytest.mark.parametrize("kept", [False, True])
def test_the_two_latencies_of_a_row_divide_to_its_speedup(kept):
    """Both are of the rounds that the speedup counts: with memory kept, where that was measured."""
    made = record(0.0025, native_s=0.016)
    made = memory_kept(made, native_kept_s=0.010) if kept else made
    (row,) = [line.text for line in render_backend("openvino", [made]) if line.text.startswith("residual")]
    _, native, own, speedup, *_ = row.split()
    assert float(native) == pytest.approx(10.0 if kept else 16.0, rel=0.02)
    assert float(native) / float(own) == pytest.approx(float(speedup.removesuffix("x")), rel=0.006)
    assert made.native_typical_s / made.typical_s.value == pytest.approx(made.ranked_speedup.value, rel=1e-12)


def test_what_single_processes_get_by_default_is_beside_the_speedup():
    """The range has the servers that it is of in the line above; memory's part of the mean is told below."""
    made = replace(memory_kept(record(0.0025, native_s=0.020), 0.010), process_range=ProcessRange(7.06, 15.2, 6))
    text = said(whole([made]))
    assert "ms and speedup: typical, memory kept on both sides, 95% interval; by default: range of 6 processes" in text
    assert "7.1 to 15x" in text
    memory = made.speedup.value / made.speedup_memory_kept.value
    assert f"by default a process gets {format_ratio(made.speedup.value)} in the mean" in text
    assert f"{format_ratio(memory)} of that is memory management" in text


def test_where_memory_cannot_be_kept_the_report_says_why():
    """The speedups are then those by default, and nothing is said of memory management."""
    made = replace(record(0.0025), process_range=ProcessRange(3.0, 5.0, 6))
    text = said(whole([made], memory_note="malloc is that of libjemalloc.so.2"))
    assert "ms and speedup: typical, memory as by default" in text
    assert "memory is not kept on either side: malloc is that of libjemalloc.so.2" in text
    assert "memory management" not in text


def test_limits_that_are_not_shown_are_explained():
    """The others are counted; a missed one fails its test, which says why."""
    limits = [Limit("min_speedup", 2.0, outcome, f"the reason of {outcome}") for outcome in (MET, MISSED, NOT_SHOWN)]
    rows = [record(0.0025, case=f"case-{index}", limits=(limit,)) for index, limit in enumerate(limits)]
    text = said(whole(rows))
    assert "min_speedup and max_latency: 1 met, 1 missed, 1 not shown" in text
    assert "not shown: the reason of not shown" in text
    assert "the reason of met" not in text


def test_disturbed_rounds_are_counted():
    """What was measured again took time."""
    assert "cases: 1 as precise as asked; 7 disturbed rounds were measured again" in said(
        render_spent(Spent(stops={"precise": 1}, discarded_rounds=7))
    )
    assert "disturbed" not in said(render_spent(Spent(stops={"precise": 1})))


@pytest.mark.parametrize(("share", "warned"), [(0.005, False), (0.05, True)])
def test_a_host_that_gives_cores_to_others_is_said(share, warned):
    native = native_record(noise=Noise(0, 0, 0, share, 0))
    text = " ".join(line.text for line in _busy([native, record(0.002)]))
    assert ("busy host: it gave 5% of the cores' time to other machines" in text) == warned


def test_what_one_reason_holds_for_is_said_once_by_a_name_that_pytest_takes():
    """A form of the matrix has its own name, a model of a test that of its first test."""
    reason = "native is random"
    failures = {
        ("test_a.py::test_net[x]", "native"): reason,
        ("test_a.py::test_net[x]", "openvino"): f"there is no speedup without native: {reason}",
        ("test_a.py::test_net[x]", "inductor"): f"there is no speedup without native: {reason}",
        ("plain-d2-w8", "openvino"): "it has no rule for it",
    }
    tests = {("test_a.py::test_net[x]", one): f"test_a.py::test_net[{one}-x]" for one in ("openvino", "inductor")}
    assert [line.text for line in _failures(failures, tests)] == [
        "not measured: test_a.py::test_net[openvino-x] (and on inductor): native is random",
        "not measured: plain-d2-w8 on openvino: it has no rule for it",
    ]


def test_models_that_were_prepared_again_are_named():
    """With what differs and what to do."""
    spent = Spent(missed={"test_a.py::test_a": "weights", "test_a.py::test_b": "weights", "c": "example inputs"})
    text = " ".join(" ".join(line.text for line in render_spent(spent)).split())
    assert "prepared again, because the weights differ from the last run's: test_a.py::test_a and 1 more; if" in text
    assert "because the example inputs differ from the last run's: c; if they are random, set formfunc_seed" in text
    assert "prepared again" not in " ".join(line.text for line in render_spent(Spent()))
