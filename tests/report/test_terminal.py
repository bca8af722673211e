"""``best`` tries what is there; a test may bring its architectures; a busy machine is said."""

import pytest
from support.records import record

from pytest_formfunc.records.parts import Noise
from pytest_formfunc.report.terminal import _best, _busy

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
    native = record(0.001, backend="native", native=True, speedup=None, native_samples=None)
    assert "native 1.00 ms: nothing beats it" in " ".join(line.text for line in _best([slow, native]))


@pytest.mark.parametrize(("waited", "warned"), [(0.02, False), (0.5, True)])
def test_a_busy_machine_is_said(waited, warned):
    """``waited`` is what each of native's two threads waited."""
    native = record(0.01, backend="native", native=True, noise=Noise(0, 0, 0, 0, 2 * waited))
    text = " ".join(line.text for line in _busy([native, record(0.002)]))
    assert ("busy machine: in 1 of 1 cases" in text) == warned


@pytest.mark.parametrize(("share", "warned"), [(0.005, False), (0.05, True)])
def test_a_host_that_gives_cores_to_others_is_said(share, warned):
    native = record(0.01, backend="native", native=True, noise=Noise(0, 0, 0, share, 0))
    text = " ".join(line.text for line in _busy([native, record(0.002)]))
    assert ("busy host: it gave 5% of the cores' time to other machines" in text) == warned
