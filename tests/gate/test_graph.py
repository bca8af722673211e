"""Real OpenVINO graphs of small networks that differ in one thing each."""

from pathlib import Path

import pytest
import torch
from torch import nn

from pytest_formfunc.backends import backend_entry
from pytest_formfunc.forms.built import Inputs, Network
from pytest_formfunc.function.program import describe_program
from pytest_formfunc.gate.explain import cost_change, graph_change, program_change
from pytest_formfunc.gate.graph import judge_graph


class Net(nn.Module):
    """Two blocks of convolution, batch norm and activation, with a residual around the second."""

    def __init__(self, width=64, activation=nn.ReLU, *, residual="after", cast=False, body="body"):
        super().__init__()
        self.name, self.residual, self.cast = body, residual, cast
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.act = activation()
        block = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width))
        setattr(self, body, block)
        self.last = nn.Conv2d(width, 8, 1)

    def forward(self, x):
        x = self.act(self.stem(x))
        y = getattr(self, self.name)(x)
        if self.cast:
            y = (y.to(torch.float16) * 2).to(torch.float32)
        y = self.act(x + y) if self.residual == "after" else x + self.act(y)
        return self.last(y).mean((2, 3))


@pytest.fixture(scope="module")
def graph_of(tmp_path_factory):
    """Return a function that returns a network's execution graph and program."""

    def compile_one(network: nn.Module):
        torch.manual_seed(0)
        path = Path(tmp_path_factory.mktemp("graph")) / "model.xml"
        inputs = Inputs((torch.randn(1, 3, 32, 32),))
        made = Network(inputs, lambda seed: inputs, network.eval())
        engine = backend_entry("openvino").engine_class()(1)
        engine.prepare(made, path)
        engine.load(None, path)
        return engine.graph(), describe_program(made.program)

    return compile_one


@pytest.fixture(scope="module")
def plain(graph_of):
    return graph_of(Net())


class Unfused(nn.Module):
    """An activation that cannot be fused into a convolution, because it sorts."""

    def forward(self, x):
        return x * torch.sort(x, dim=1).values.sigmoid()


def test_the_same_network_is_unchanged_every_time(graph_of, plain):
    """It is compiled again, with other weights."""
    torch.manual_seed(7)
    assert judge_graph(plain[0], graph_of(Net())[0])[0] == "unchanged"


def test_a_renamed_layer_is_not_reported(graph_of, plain):
    """Names do not matter, neither in the graph nor in the program."""
    graph, program = graph_of(Net(body="trunk"))
    assert judge_graph(plain[0], graph) == ("unchanged", ["the engine executes the same kernels as before"])
    assert program["digest"] == plain[1]["digest"]


def test_an_activation_that_does_not_fuse_is_named(graph_of, plain):
    """More kernels are executed for the same layers."""
    graph, program = graph_of(Net(activation=Unfused))
    status, changes = judge_graph(plain[0], graph)
    assert status == "regressed"
    assert any(change.startswith("kernels executed") for change in changes)
    assert any("sort" in clause for clause in program_change(plain[1], program, ({"macs": 1}, {"macs": 1})))


def test_a_width_of_65_is_named(graph_of, plain):
    """The graph differs, though the operators are the same."""
    graph, program = graph_of(Net(width=65))
    status, changes = judge_graph(plain[0], graph)
    assert status != "unchanged"
    assert changes
    assert program["operators"] == plain[1]["operators"]
    assert program["digest"] != plain[1]["digest"]


def test_a_moved_residual_is_named(graph_of, plain):
    """The addition is executed by another kernel, or fused into another layer."""
    status, changes = judge_graph(plain[0], graph_of(Net(residual="before"))[0])
    assert status != "unchanged"
    assert changes


def test_an_added_cast_is_named(graph_of, plain):
    """The engine may remove it, which is not a loss; the program shows that it is there."""
    graph, program = graph_of(Net(cast=True))
    assert judge_graph(plain[0], graph)[0] != "unchanged"
    (clause,) = program_change(plain[1], program, ({"macs": 1}, {"macs": 1}))
    assert "to 0 -> 2" in clause


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dilation": 2, "padding": 2}, "dilation 1x1"),
        ({"stride": 2}, "stride 1x1"),
        ({"kernel_size": 5, "padding": 2}, "weight 8x8x3x3"),
        ({"groups": 4}, "groups 1"),
        ({"padding": 0}, "padding 1x1"),
    ],
    ids=str,
)
def test_another_argument_of_a_convolution_is_part_of_the_program(graph_of, change, said):
    """Kernels and operators are the same; the clause has both calls, with kernel size, stride, padding and all."""

    def net(**kwargs):
        given = {"kernel_size": 3, "padding": 1} | kwargs
        return nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, **given))

    then, now = graph_of(net())[1], graph_of(net(**change))[1]
    assert then["operators"] == now["operators"]
    assert then["digest"] != now["digest"]
    clause, *_ = program_change(then, now, ({"macs": 1}, {"macs": 1}))
    assert clause.startswith("the same operators with other arguments: conv2d(")
    assert said in clause.partition(" -> ")[0]
    assert said not in clause.partition(" -> ")[2].partition(" and ")[0]


def test_every_cost_that_differs_is_said():
    """Multiply-accumulates, and the bytes of weights and activations."""
    there = {"macs": 2_000_000, "weight_bytes": 4_000_000, "activation_bytes": 1_000_000, "params": 3}
    assert cost_change(there, there) == []
    assert cost_change(there, {**there, "macs": 1_000_000, "activation_bytes": 500_000}) == [
        "MACs 2M -> 1M",
        "activations 1MB -> 0.5MB",
    ]


def test_layers_that_another_kernel_executes_are_named():
    """The message has the first ones in the order of execution, by their names in the exported program."""
    then = {"hash": "a", "kernels": {"conv": 2}, "layers": {"conv2d": "conv", "relu": "conv", "add": "conv"}}
    layers = {"conv2d": "conv", "relu": "jit", "add": "jit"}
    now = {"hash": "b", "kernels": {"conv": 1, "jit": 2}, "layers": layers}
    assert graph_change(then, now) == [
        "kernels changed: conv 2 -> 1, jit 0 -> 2 (at relu conv -> jit, add conv -> jit)"
    ]


def test_the_engine_names_the_layers_of_each_kernel(plain):
    """Convolution, batch norm and activation are fused into one kernel."""
    layers = plain[0]["layers"]
    relu = next(name for name in layers if name.startswith("relu"))
    assert "conv" in layers[relu]


def test_a_reference_kernel_and_a_reorder_are_losses():
    """The graphs are made up, because OpenVINO does not use these kernels on this machine."""
    base = {"hash": "a", "kernels": {"brgconv_avx512": 3}, "reorders": 0, "fused": 2, "precisions": {"f32": 3}}
    worse = {**base, "hash": "b", "kernels": {"brgconv_avx512": 2, "ref_any": 1}, "reorders": 1}
    status, changes = judge_graph(base, worse)
    assert status == "regressed"
    assert changes[:2] == ["reorders 0 -> 1", "reference kernels 0 -> 1"]
    assert judge_graph(worse, base)[0] == "improved"


def test_a_wider_precision_is_a_loss():
    """The change is from bfloat16 back to float32."""
    narrow = {"hash": "a", "kernels": {"x": 3}, "precisions": {"bf16": 3}}
    wide = {"hash": "b", "kernels": {"x": 3}, "precisions": {"f32": 3}}
    assert judge_graph(narrow, wide)[1][0] == "bits of the widest precision 16 -> 32"
    assert judge_graph(narrow, wide)[0] == "regressed"


def test_other_kernels_without_a_clear_loss_are_inconclusive():
    """The number of kernels is the same, but their kind differs."""
    then = {"hash": "a", "kernels": {"jit_avx512": 3}, "precisions": {"f32": 3}}
    now = {"hash": "b", "kernels": {"brgconv_avx512": 3}, "precisions": {"f32": 3}}
    status, changes = judge_graph(then, now)
    assert status == "inconclusive"
    assert changes == ["kernels changed: brgconv_avx512 0 -> 3, jit_avx512 3 -> 0"]
