"""Lints change a network where they should, it computes the same where they say so, and others stay as they are."""

import pytest
import torch
from torch import nn

from pytest_formfunc.cases import pattern_case
from pytest_formfunc.function.lints import LINTS
from pytest_formfunc.function.lints.graph_edits import operator_name

pytestmark = pytest.mark.engine


def changed(network, lint, *inputs):
    """Return at how many places a lint changes a network, the operators that it has then, and its error in dB."""
    with torch.no_grad():
        program = torch.export.export(network.eval(), inputs)
        module = program.module()
        count = LINTS.entry(lint).load()(module)
        module.graph.lint()
        module.recompile()
        wanted, got = program.module()(*inputs), module(*inputs)
        torch.export.export(module, inputs)  # it can be given to engines
    assert wanted.shape == got.shape
    noise = float(((wanted - got).double() ** 2).sum())
    operators = [name for node in module.graph.nodes if (name := operator_name(node))]
    shapes = [tuple(one.shape) for name, one in module.named_parameters() if name.startswith("changed")]
    return count, operators, 10 * torch.log10((wanted.double() ** 2).sum() / (noise or 1e-300)).item(), shapes


def conv_net(*layers):
    torch.manual_seed(0)
    net = nn.Sequential(*layers)
    for layer in net:
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            nn.init.normal_(layer.weight)
            nn.init.normal_(layer.bias)
    return net


IMAGE = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bias", [True, False])
def test_norms_are_folded_into_the_convolution_before_them(bias):
    net = conv_net(nn.Conv2d(3, 8, 3, bias=bias), nn.BatchNorm2d(8), nn.ReLU(), nn.BatchNorm2d(8))
    count, operators, db, _ = changed(net, "batch-norm", IMAGE)
    assert (count, operators.count("batch_norm")) == (1, 1)  # the one that reads a ReLU stays
    assert db > 100


def test_a_norm_whose_convolution_others_read_stays():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8)

        def forward(self, x):
            y = self.conv(x)
            return self.norm(y) + y

    assert changed(Shared(), "batch-norm", IMAGE)[0] == 0


def test_transposed_convolutions_keep_their_norms():
    assert changed(conv_net(nn.ConvTranspose2d(3, 8, 2), nn.BatchNorm2d(8)), "batch-norm", IMAGE)[0] == 0


def test_grouped_convolutions_become_dense_and_depthwise_ones_do_not():
    net = conv_net(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 16, 3, groups=4), nn.Conv2d(16, 16, 3, groups=16))
    count, _, db, shapes = changed(net, "groups", IMAGE)
    assert (count, shapes) == (1, [(16, 8, 3, 3)])
    assert db > 100


def test_channels_between_convolutions_are_padded():
    """Through a norm, activations, a depthwise convolution and a sum; input and output keep theirs."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = conv_net(nn.Conv2d(3, 60, 3, padding=1), nn.BatchNorm2d(60), nn.Hardswish())
            self.body = conv_net(nn.Conv2d(60, 60, 3, padding=1, groups=60), nn.BatchNorm2d(60), nn.ReLU())
            self.back = nn.Conv2d(60, 60, 1)
            self.head = nn.Conv2d(60, 10, 1)

        def forward(self, x):
            y = self.stem(x)
            return self.head(nn.functional.relu(self.back(self.body(y)) + y))

    count, _, db, shapes = changed(Net(), "channels", IMAGE)
    assert count == 3
    assert (64, 3, 3, 3) in shapes
    assert (64, 1, 3, 3) in shapes
    assert (64, 64, 1, 1) in shapes
    assert (10, 64, 1, 1) in shapes
    assert db > 100


@pytest.mark.parametrize("layer", [
    nn.Sigmoid(), nn.Flatten(), nn.Hardtanh(0.5, 1), nn.Softmax(1), nn.LocalResponseNorm(3), nn.Softplus(),
])  # fmt: skip
def test_channels_that_zeros_would_change_are_not_padded(layer):
    """An operator that makes other numbers of zeros, or that channels of zeros would change."""
    after = [nn.Linear(60 * 14 * 14, 4)] if isinstance(layer, nn.Flatten) else [nn.Conv2d(60, 8, 1)]
    assert changed(conv_net(nn.Conv2d(3, 60, 3), layer, *after), "channels", IMAGE)[0] == 0


@pytest.mark.parametrize("width", [64, 4])
def test_widths_on_an_edge_and_tiny_ones_are_not_padded(width):
    assert changed(conv_net(nn.Conv2d(3, width, 3), nn.ReLU(), nn.Conv2d(width, 16, 3)), "channels", IMAGE)[0] == 0


class Attention(nn.Module):
    """Written out, with a choice of how it is scaled, and of what is added to its scores."""

    def __init__(self, scaling, mask):
        super().__init__()
        torch.manual_seed(0)
        self.project, self.scaling = nn.Linear(32, 96), scaling
        self.mask = nn.Buffer(torch.randn(9, 9)) if mask else None

    def forward(self, x):
        query, key, value = self.project(x).reshape(1, 9, 3, 4, 8).permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-2, -1)
        scores = {"none": lambda: scores, "times": lambda: scores * 0.3, "over": lambda: scores / 3.0}[self.scaling]()
        if self.mask is not None:
            scores = scores + self.mask
        return nn.functional.dropout(torch.softmax(scores, -1), 0.1, self.training) @ value


@pytest.mark.parametrize("scaling", ["none", "times", "over"])
@pytest.mark.parametrize("mask", [False, True])
def test_attention_that_is_written_out_is_fused(scaling, mask):
    count, operators, db, _ = changed(Attention(scaling, mask), "attention", torch.randn(1, 9, 32))
    assert (count, operators.count("softmax"), operators.count("scaled_dot_product_attention")) == (1, 0, 1)
    assert db > 80


def test_a_softmax_over_something_else_is_no_attention():
    class Other(nn.Module):
        def forward(self, x):
            return torch.softmax(x @ x.transpose(-2, -1), 1) @ x

    class Classes(nn.Module):
        def forward(self, x):
            return torch.softmax(x, -1) @ x.transpose(-2, -1)

    for net in (Other(), Classes()):
        assert changed(net, "attention", torch.randn(1, 9, 32))[0] == 0


def test_activations_become_relu():
    net = conv_net(nn.Conv2d(3, 8, 1), nn.SiLU(), nn.GELU(), nn.Sigmoid(), nn.ReLU6())
    count, operators, db, _ = changed(net, "activation", IMAGE)
    assert (count, operators) == (3, ["conv2d", "relu", "relu", "sigmoid", "relu"])
    assert db < 60  # which is why it says that it is not exact
    assert not LINTS.entry("activation").exact


@pytest.mark.parametrize("pattern", ["residual", "depthwise_bottleneck", "dense", "multi_branch", "channel_shuffle",
                                     "squeeze_excitation_bottleneck", "fire", "large_kernel_depthwise"])  # fmt: skip
def test_changed_patterns_compute_the_same(pattern):
    """By every lint that says so, at a width between two edges where the pattern has one."""
    width = 96 if pattern == "multi_branch" else 72 if pattern == "fire" else 48 if "squeeze" in pattern else 60
    network = pattern_case(pattern, 2, width, (1, 3, 16, 16), 0).source.build()
    found = {
        name: changed(network.module, name, *network.inputs.args) for name in LINTS.names() if LINTS.entry(name).exact
    }
    assert sum(count > 0 for count, *_ in found.values()) >= 1
    assert min(db for _, _, db, _ in found.values()) > 100
