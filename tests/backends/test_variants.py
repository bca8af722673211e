"""What each engine promises besides correct outputs: its layout, its memory, its requests, its names."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from pytest_formfunc.backends import BACKENDS, backend_entry, distributions
from pytest_formfunc.cases import pattern_case
from pytest_formfunc.errors import BadInput, Unsupported
from pytest_formfunc.forms.built import Inputs, Network
from pytest_formfunc.forms.sources import PatternSource
from pytest_formfunc.measure.launch import PreparedSide, launcher
from pytest_formfunc.measure.parking import wait_until_parked
from pytest_formfunc.measure.participants import Participant, Side
from pytest_formfunc.measure.protocol import Turn
from pytest_formfunc.measure.workers import WorkerServer
from pytest_formfunc.names import check_backends

SOURCE = PatternSource("plain", 1, 8, (1, 3, 16, 16), 0)


@pytest.fixture(scope="module")
def network():
    return SOURCE.build()


def loaded(name, network, folder, threads=2):
    entry = backend_entry(name)
    engine = entry.make(threads)
    artifact = folder / engine.artifact_name(threads)
    entry.engine_class().prepare(network, artifact)
    engine.load(SOURCE, artifact)
    engine.set_inputs(tuple(tensor.numpy() for tensor in network.inputs.tensors))
    return engine


def test_nhwc_has_weights_and_inputs_with_channels_last(network, tmp_path):
    engine = loaded("native-nhwc", network, tmp_path)
    weights = [tensor for tensor in engine._network.parameters() if tensor.dim() == 4]
    assert weights
    for tensor in (*weights, *engine._arguments.tensors):
        assert tensor.is_contiguous(memory_format=torch.channels_last)


def test_a_process_that_keeps_its_memory_avoids_page_faults(tmp_path, monkeypatch):
    """Where glibc has to map every large tensor anew, native has page faults in each call.

    This engine has none, and native has none in a process that is made to keep what it frees, once the pages that it
    shares with the process that it was forked from are its own: the least of three turns.
    """
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "16384")
    case = pattern_case("plain", 1, 16, (1, 3, 128, 128))
    server = WorkerServer(timeout_s=120, threads=1)
    faults = {}
    try:
        engines = {name: name for name in ("native", "native-retain")}
        job = server.job("prepare", source=case.source, engines=engines, cache=str(tmp_path / "cache"))
        with server.worker(job, "preparing") as worker:
            prepared = worker.receive()
        launch = launcher(server, {Side.HERE: PreparedSide(case.source, prepared)}, 0, {})
        native = Participant("native")
        for participant in (native, native.kept, Participant("native-retain")):
            worker = launch(participant, str(tmp_path / participant.file_stem), 0)
            try:
                worker.receive()
                turns = [worker.ask(Turn(50, 20)) for _ in range(3)]
                faults[str(participant)] = min(turn.disturbance.page_faults for turn in turns) / 20
            finally:
                worker.stop()
    finally:
        server.close()
    assert faults["native"] > 100
    assert faults["native with memory kept"] < 0.02 * faults["native"]
    assert faults["native-retain"] < 0.02 * faults["native"]


def test_throughput_counts_an_inference_for_each_request(network, tmp_path):
    engine = loaded("openvino-tput", network, tmp_path)
    done = []
    engine._queue.set_callback(lambda request, data: done.append(1))
    engine.call()
    assert len(done) == engine.inferences >= 1
    assert engine.settings()["requests"] == engine.inferences


@pytest.mark.alone
@pytest.mark.engine("onnxruntime")
def test_onnxruntime_sleeps_after_a_call(network, tmp_path):
    """Its threads would spin on the cores that the next backend needs."""
    engine = loaded("onnxruntime", network, tmp_path)
    waits = []
    for _ in range(5):
        engine.call()
        waits.append(wait_until_parked())
    assert min(waits) < 0.02


@pytest.mark.engine("onnxruntime")
def test_onnxruntime_reports_its_kernels(network, tmp_path):
    """The graph has the keys of OpenVINO's, and its layers have the names of the exported program."""
    graph = loaded("onnxruntime", network, tmp_path).graph()
    assert set(graph) == {"hash", "kernels", "precisions", "reorders", "fused", "layers"}
    assert any(kernel.endswith("Conv") for kernel in graph["kernels"])
    assert graph["fused"] > 0  # batch norms and activations
    assert set(graph["layers"]) & {node.name for node in network.program.graph.nodes}


@pytest.mark.engine("onnxruntime", "onnxscript")
def test_onnxruntime_takes_an_onnx_file_with_weights_beside_it(network, tmp_path):
    made, copied = tmp_path / "made", tmp_path / "copied"
    made.mkdir()
    copied.mkdir()
    engine_class = backend_entry("onnxruntime").engine_class()
    engine_class.prepare(network, made / "model.onnx")
    assert (made / "model.onnx.data").is_file()
    file = Network(network.inputs, network.draw, file=made / "model.onnx")
    engine_class.prepare(file, copied / "model.onnx")
    first, second = (
        onnx.load(folder / "model.onnx").graph.initializer[0].SerializeToString() for folder in (made, copied)
    )
    assert np.array_equal(
        onnx.numpy_helper.to_array(onnx.TensorProto.FromString(first)),
        onnx.numpy_helper.to_array(onnx.TensorProto.FromString(second)),
    )


@pytest.mark.parametrize("name", ["native", "native-nhwc", "inductor", "jax", "inductor-cuda"])
def test_a_file_is_refused_by_engines_that_take_pytorch(name, tmp_path):
    file = Network(Inputs(), lambda seed: Inputs(), file=Path("model.onnx"))
    with pytest.raises(Unsupported, match="no PyTorch form"):
        backend_entry(name).engine_class().prepare(file, tmp_path / "artifact")


def test_a_package_of_machine_code_is_named_for_its_threads():
    """Two runs with different numbers of threads and one cache do not use each other's package."""
    engine = backend_entry("inductor").engine_class()
    assert engine.artifact_name(1) != engine.artifact_name(2)


@pytest.mark.parametrize("device", ["GPU", "NPU"])
def test_other_devices_of_openvino(device, network, tmp_path):
    """A GPU or NPU is used where there is one; otherwise the test is skipped."""
    reason = backend_entry(f"openvino@{device}").make(1).why_unavailable()
    if reason is not None:
        assert "CPU" in reason  # the reason lists the available devices
        pytest.skip(reason)
    engine = loaded(f"openvino@{device}", network, tmp_path)
    assert engine.device.startswith(device)


@pytest.mark.parametrize("name", ["openvino@AUTO", "openvino@HETERO:CPU", "openvino-int8@AUTO", "openvino-tput@AUTO"])
def test_names_with_devices_are_accepted(name):
    assert check_backends([name, name]) == (name,)
    assert backend_entry(name).make(1).why_unavailable() is None


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("openvno@GPU", "did you mean openvino"),
        ("native@GPU", "a device is named as in openvino@DEVICE"),
        ("openvino@", "a device is named as in openvino@DEVICE"),
        ("openvino@../GPU", "a device is named as in openvino@DEVICE"),
    ],
)
def test_invalid_names_are_refused(name, says):
    with pytest.raises(BadInput, match=says):
        check_backends([name])


@pytest.mark.parametrize("device", ["GPX", "HETERO:CPU+GPX", "CPU:GPU", "base"])
def test_missing_devices_are_reported(device):
    assert "OpenVINO" in backend_entry(f"openvino@{device}").make(1).why_unavailable()


def test_either_of_two_distributions_will_do(monkeypatch):
    """onnxruntime-gpu installs the same module as onnxruntime."""
    entry = backend_entry("onnxruntime")
    there = {"torch", "onnx", "onnxscript", "onnxruntime-gpu"}
    monkeypatch.setattr("pytest_formfunc.backends._installed", lambda name: name in there)
    assert entry.why_not_installed() is None
    there.remove("onnxruntime-gpu")
    assert "onnxruntime or onnxruntime-gpu is not installed" in entry.why_not_installed()
    assert {"onnxruntime", "onnxruntime-gpu"} <= set(distributions())


def test_every_extra_exists_in_pyproject():
    import tomllib

    extras = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert {entry.extra for entry in BACKENDS} <= set(extras["optional-dependencies"])
