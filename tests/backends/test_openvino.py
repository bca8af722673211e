"""The real OpenVINO engine compiles what was asked for."""

import time

import openvino
import pytest
import torch

from pytest_formfunc.backends import backend_entry
from pytest_formfunc.forms.sources import PatternSource

SOURCE = PatternSource("plain", 1, 8, (2, 3, 16, 16), 0)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    path = tmp_path_factory.mktemp("openvino") / "model.xml"
    backend_entry("openvino").engine_class().prepare(SOURCE.build(), path)
    return path


def test_the_converted_model_has_the_cases_shape(artifact):
    """The converter leaves dimensions dynamic, which is slower; the IR is static."""
    model = openvino.Core().read_model(artifact)
    assert not model.is_dynamic()
    assert [list(port.shape) for port in model.inputs] == [[2, 3, 16, 16]]


def test_weights_are_not_compressed(artifact):
    """Float32 is compared with float32: no weight is stored in 16 bits."""
    constants = [op for op in openvino.Core().read_model(artifact).get_ops() if op.get_type_name() == "Constant"]
    types = {op.get_element_type().get_type_name() for op in constants}
    assert "f16" not in types
    assert "f32" in types


@pytest.mark.parametrize("name", ["openvino", "openvino-bf16"])
def test_precision_is_the_one_in_the_name(artifact, name):
    """By default OpenVINO uses bfloat16 where the CPU supports it; here the backend's name decides."""
    entry = backend_entry(name)
    engine = entry.engine_class()(1)
    if (reason := engine.why_unavailable()) is not None:
        pytest.skip(reason)
    engine.load(SOURCE, artifact)
    assert engine.precision == entry.precision


@pytest.mark.parametrize("device", ["", "AUTO", "HETERO:CPU"])
def test_the_processor_is_no_card(artifact, device):
    """So its turns begin at once, and runs are compared by the processor's description."""
    engine = backend_entry("openvino").engine_class()(1, device)
    if openvino.Core().available_devices == ["CPU"] or device != "AUTO":
        assert engine.devices() == ()
    engine.load(SOURCE, artifact)
    engine.set_inputs(tuple(tensor.numpy() for tensor in SOURCE.inputs(0).args))
    engine.call()
    assert (engine.card(), engine.ramp_s) == ({}, 0.0)
    assert (engine._config().get("ENABLE_STARTUP_FALLBACK") is False) == (device == "AUTO")


def test_outputs_are_those_of_the_network(artifact):
    """The engine's calls agree with the module for two sets of inputs."""
    engine = backend_entry("openvino").engine_class()(1)
    engine.load(SOURCE, artifact)
    network = SOURCE.build().module
    for seed in (0, 1):
        inputs = SOURCE.inputs(seed).args
        engine.set_inputs(tuple(tensor.numpy() for tensor in inputs))
        with torch.inference_mode():
            expected = network(*inputs)
        assert torch.allclose(torch.from_numpy(engine.outputs()[0]), expected, rtol=1e-4, atol=1e-5)
        assert sum(engine.graph()["kernels"].values()) > 3


def test_a_call_computes_in_the_thread_that_calls(tmp_path):
    """Another thread would take time to start, and its placement by the scheduler would affect a whole launch."""
    source = PatternSource("plain", 2, 64, (1, 3, 64, 64), 0)
    engine_class = backend_entry("openvino").engine_class()
    engine_class.prepare(source.build(), tmp_path / "model.xml")
    engine = engine_class(1)
    engine.load(source, tmp_path / "model.xml")
    engine.set_inputs(tuple(tensor.numpy() for tensor in source.inputs(0).args))
    engine.call()
    here, everywhere = time.thread_time(), time.process_time()
    for _ in range(100):
        engine.call()
    assert time.thread_time() - here > 0.5 * (time.process_time() - everywhere) > 0
