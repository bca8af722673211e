"""A file costs the same as the network that it was made from."""

import openvino
import pytest
import torch
from openvino import opset13 as ops
from support.model_files import encoder_onnx

from pytest_formfunc.backends.openvino_files import read_for
from pytest_formfunc.forms.built import Inputs
from pytest_formfunc.forms.sources import PatternSource
from pytest_formfunc.function.cost import count_activation_bytes, count_cost
from pytest_formfunc.function.graph_cost import count_graph_cost, describe_graph


@pytest.mark.parametrize("pattern", ["depthwise_separable", "attention"])
def test_a_patterns_graph_costs_what_the_pattern_costs(pattern):
    """Counting on the graph and on the module gives the same multiply-accumulates."""
    network = PatternSource(pattern, 1, 32, (2, 3, 32, 32)).build()
    wanted = count_cost(network.module, network.inputs.args)
    model = openvino.convert_model(network.program)
    model.reshape([2, 3, 32, 32])
    assert count_graph_cost(model).macs == wanted.macs
    assert count_activation_bytes(network.program) >= wanted.activation_bytes // 2


def test_a_pattern_exported_to_onnx_has_its_parameters(tmp_path):
    """Convolutions keep their weights in ONNX; batch norms are folded into them, so there are fewer parameters."""
    network = PatternSource("plain", 2, 16, (1, 3, 32, 32)).build()
    wanted = count_cost(network.module, network.inputs.args)
    torch.onnx.export(network.module, network.inputs.args, tmp_path / "net.onnx", verbose=False, dynamo=True)
    cost = count_graph_cost(read_for(tmp_path / "net.onnx", network.inputs))
    assert cost.macs == wanted.macs
    weights = sum(one.weight.numel() for one in network.module.modules() if isinstance(one, torch.nn.Conv2d))
    assert weights <= cost.params <= 1.1 * wanted.params
    assert cost.weight_bytes >= 4 * weights


def test_transposed_convolutions_and_attention_have_closed_forms():
    """A transposed convolution multiplies each input element with the whole kernel; attention is two products."""
    x = ops.parameter([1, 4, 5, 5], name="x")
    up = ops.convolution_backprop_data(x, torch.ones(4, 6, 2, 2).numpy(), strides=[2, 2])
    query = ops.parameter([1, 2, 7, 8], name="q")
    attended = ops.scaled_dot_product_attention(query, query, query)
    model = openvino.Model([up.output(0), attended.output(0)], [x, query])
    assert count_graph_cost(model).macs == 4 * 25 * 6 * 4 + 2 * (7 * 7 * 8) * 2


def test_a_description_depends_on_shapes_and_not_on_names(tmp_path):
    """Equal files are equal programs; with another batch a file is another program."""
    path = encoder_onnx(tmp_path / "a.onnx")
    ids = torch.zeros(1, 4, dtype=torch.int64)

    def describe(batch):
        tensors = {name: ids.expand(batch, 4) for name in ("input_ids", "attention_mask")}
        return describe_graph(read_for(path, Inputs((), tensors)))

    assert describe(1) == describe(1)
    assert describe(1)["digest"] != describe(2)["digest"]
    assert describe(1)["operators"]["MatMul"] == 1
