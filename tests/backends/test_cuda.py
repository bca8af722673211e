"""What engines for NVIDIA GPUs do that needs no GPU."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.engine

PROGRAM = """
import torch
from pytest_formfunc.backends.cuda import set_tf32
{before}
set_tf32(False)
backends = torch.backends
assert not backends.cuda.matmul.allow_tf32 and not backends.cudnn.allow_tf32
assert torch.get_float32_matmul_precision() == "highest"
newer = backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn
assert [place.fp32_precision for place in newer] == ["ieee"] * 3
set_tf32(True)
assert backends.cuda.matmul.allow_tf32 and backends.cudnn.allow_tf32
assert [place.fp32_precision for place in newer] == ["tf32"] * 3
"""


@pytest.mark.parametrize(
    "before",
    [
        "",
        "torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True",
        "torch.backends.fp32_precision = 'tf32'",
        "torch.backends.cuda.matmul.fp32_precision = torch.backends.cudnn.conv.fp32_precision = 'tf32'",
    ],
)
def test_what_a_user_s_module_set_does_not_survive(before):
    """PyTorch has two ways to switch TF32 on; code that asks by either finds it off, and no error."""
    subprocess.run([sys.executable, "-c", PROGRAM.format(before=before)], check=True)


@pytest.mark.engine("onnx", "onnxruntime")
def test_what_a_provider_leaves_to_others_is_counted():
    """By operator, as ONNX Runtime itself tells; here the provider of the processor has it all."""
    import onnxruntime
    from onnx import TensorProto, helper

    from pytest_formfunc.backends.onnxruntime_cuda import _RECORD_WHERE, nodes_elsewhere

    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xz"]
    nodes = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Sin", ["y"], ["z"])]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry(_RECORD_WHERE, "1")
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    assert nodes_elsewhere(session, "CPUExecutionProvider") == {}
    assert nodes_elsewhere(session, "CUDAExecutionProvider") == {"Relu": 1, "Sin": 1}
