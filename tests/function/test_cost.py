"""Costs of networks that can be counted by hand."""

import torch
import torch.nn.functional as F
from torch import nn

from pytest_formfunc.function.cost import Cost, count_cost
from pytest_formfunc.function.program import describe_script


def test_small_network_by_hand():
    """A 3x3 convolution on 8x8 positions, its norm, and a classifier cost what a calculation by hand gives."""
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10)
    ).eval()
    cost = count_cost(network, (torch.zeros(2, 3, 8, 8),))
    params = (3 * 9 + 1) * 4 + 2 * 4 + 257 * 10
    statistics_bytes = 2 * 4 * 4 + 8  # mean and variance of 4 channels, and a counter of 8 bytes
    assert cost == Cost(
        macs=2 * (3 * 9 * 4 * 64 + 256 * 10),
        params=params,
        weight_bytes=4 * params + statistics_bytes,
        activation_bytes=4 * 2 * (4 * 256 + 10),
    )
    assert cost.flops == 2 * cost.macs


class TwoHeads(nn.Module):
    """A leaf whose output is not a tensor."""

    def forward(self, x):
        return {"pair": (x, [x.half()]), "nothing": None, "number": 3}


def test_outputs_that_are_not_tensors():
    """Tensors are found within dicts, lists and tuples; other values count no bytes."""
    assert count_cost(TwoHeads(), (torch.zeros(5),)) == Cost(0, 0, 0, 5 * 4 + 5 * 2)


def test_bytes_depend_on_the_type_of_weights():
    """Weights of half the bits have half the bytes."""
    assert count_cost(nn.Linear(4, 4).bfloat16(), (torch.zeros(1, 4, dtype=torch.bfloat16),)).weight_bytes == 40


class Shared(nn.Module):
    """One layer under two names, called twice."""

    def __init__(self):
        super().__init__()
        self.one = nn.Linear(4, 4)
        self.two = self.one

    def forward(self, x):
        return self.two(self.one(x))


def test_shared_layers_count_once_but_work_twice():
    """Two calls of one layer are twice the MACs and activations for the same parameters."""
    assert count_cost(Shared(), (torch.zeros(1, 4),)) == Cost(macs=32, params=20, weight_bytes=80, activation_bytes=32)


class Attend(nn.Module):
    """Scaled dot-product attention."""

    def forward(self, query, key, value):
        return F.scaled_dot_product_attention(query, key, value)


def test_attention_is_counted():
    """MACs include both products of attention, which torch does not count on CPUs."""
    inputs = (torch.zeros(2, 3, 5, 8), torch.zeros(2, 3, 7, 8), torch.zeros(2, 3, 7, 8))
    assert count_cost(Attend(), inputs).macs == 2 * 3 * 5 * 7 * (8 + 8)


def test_encoder_layers_are_counted_in_full():
    """The MACs of PyTorch's fused encoder layer include its attention, and fusion is switched on again afterwards."""
    layer = nn.TransformerEncoderLayer(64, 2, dim_feedforward=128, batch_first=True).eval()
    cost = count_cost(layer, (torch.zeros(1, 16, 64),))
    assert cost.macs == 16 * (4 * 64 * 64 + 2 * 64 * 128) + 2 * 16 * 16 * 64
    assert torch.backends.mha.get_fastpath_enabled()


def test_counting_leaves_no_hooks():
    """Counting leaves no hooks on the network."""
    network = nn.Sequential(nn.Linear(2, 2))
    count_cost(network, (torch.zeros(1, 2),))
    assert not network[0]._forward_hooks


def test_torchscript_costs_what_its_module_costs():
    """It has no hooks, so activations are the outputs of all operators; views allocate none."""
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 6 * 6, 4)).eval()
    example = (torch.randn(1, 3, 8, 8),)
    plain, script = count_cost(network, example), count_cost(torch.jit.script(network), example)
    assert (script.macs, script.params, script.weight_bytes) == (plain.macs, plain.params, plain.weight_bytes)
    assert script.activation_bytes == (8 * 36 + 8 * 36 + 4) * 4


def test_torchscript_is_described_by_its_operators():
    """Another constant is another program."""
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.LeakyReLU(0.1)).eval()
    found = describe_script(torch.jit.script(network))
    assert found["operators"] == {"aten.conv2d": 1, "aten.leaky_relu": 1}
    assert describe_script(torch.jit.script(network)) == found
    network[1].negative_slope = 0.2
    assert describe_script(torch.jit.script(network))["digest"] != found["digest"]
