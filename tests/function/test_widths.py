"""Which widths are proposed: by hand, and for the convolutions of real modules."""

import pytest
import torch
from torch import nn

from pytest_formfunc.forms.single_layers import LayerSource
from pytest_formfunc.function.cost import count_cost
from pytest_formfunc.function.widths import Layer, convolutions_of, just_above, propose, upper_edges

EDGES = [16, 32, 48, 64, 80]


def conv(width, **more):
    return Layer(32, width, (14, 14), (3, 3), padding=(1, 1), **more)


def test_layers_just_above_an_edge_are_proposed_at_it():
    layers = [conv(66), conv(66), conv(64), conv(75), conv(33)]
    found = propose(layers, EDGES)
    assert [(one.layer.out_channels, one.narrower.out_channels, one.count) for one in found] == [
        (66, 64, 2),
        (33, 32, 1),
    ]
    assert found[0].narrower.in_channels == 32


def test_depthwise_layer_is_narrowed_on_both_sides():
    (found,) = propose([Layer(50, 50, (7, 7), (3, 3), groups=50)], EDGES)
    assert (found.narrower.in_channels, found.narrower.out_channels, found.narrower.groups) == (48, 48, 48)


def test_grouped_layers_are_left_alone_and_nothing_is_proposed_without_a_staircase():
    assert propose([Layer(32, 66, (7, 7), (3, 3), groups=2)], EDGES) == []
    assert propose([conv(66)], []) == []


@pytest.mark.parametrize(
    ("edges", "up_to", "expected"),
    [([64, 72, 80], 30, [8, 16, 24]), ([60, 76], 100, [60, 76]), ([64], 100, [64]), ([64, 96, 112], 90, [64])],
)
def test_only_evenly_spaced_edges_on_their_own_multiples_go_on_below(edges, up_to, expected):
    assert upper_edges(edges, up_to) == expected


def test_widths_inside_a_step_are_not_just_above_one():
    assert [width for width in range(1, 90) if just_above(width, EDGES)] == [
        *range(17, 21), *range(33, 37), *range(49, 53), *range(65, 69), *range(81, 85)
    ]  # fmt: skip


def test_convolutions_of_a_module_are_found_by_calling_it():
    """One for each call, with the size of the image that it gets."""
    shared = nn.Conv2d(8, 8, 3, padding=1, groups=8)
    module = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), shared, nn.ReLU(), shared, nn.Conv2d(8, 4, 1))
    found = convolutions_of(module, (torch.ones(1, 3, 32, 32),))
    assert [one.describe() for one in found] == [
        "conv-3x3-s2-3-8-32x32", "depthwise-3x3-8-8-16x16", "depthwise-3x3-8-8-16x16", "conv-1x1-8-4-16x16",
    ]  # fmt: skip
    assert not module[0]._forward_hooks


def test_single_layers_cost_what_they_cost_in_their_network():
    """Built by itself, each has the multiply-accumulates that it has there."""
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Conv2d(8, 16, (3, 1), dilation=2, groups=4), nn.Conv2d(16, 16, 5, groups=16)
    )  # fmt: skip
    inputs = (torch.ones(1, 3, 32, 32),)
    networks = [LayerSource(layer).build() for layer in convolutions_of(module, inputs)]
    alone = sum(count_cost(one.module, one.inputs.args).macs for one in networks)
    assert alone == count_cost(module, inputs).macs


def test_product_is_restored_with_its_weights(tmp_path):
    source = LayerSource(Layer(6, 4, (5,)))
    network = source.build()
    torch.save(network.module.state_dict(), tmp_path / "weights.pt")
    restored = source.restore(tmp_path / "weights.pt")
    given = source.inputs(3).args
    assert torch.equal(restored(*given), network.module(*given))
    assert given[0].shape == (5, 6)
    assert source.content() != LayerSource(Layer(6, 5, (5,))).content()
