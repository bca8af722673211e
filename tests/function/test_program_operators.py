"""Operators of exported programs: their modules, what they cost, and where decomposed ones come from."""

import pytest
import torch
from torch import nn

from pytest_formfunc.cases import pattern_case
from pytest_formfunc.function.cost import count_cost
from pytest_formfunc.function.program_operators import operators_of, origins_of, sizes_of

pytestmark = pytest.mark.engine


class Normed(nn.Module):
    """A weight that is computed from another one; a view; dropout."""

    def __init__(self):
        super().__init__()
        self.layer = nn.utils.parametrizations.weight_norm(nn.Linear(8, 4))
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.layer(x)).flatten(1).relu()


@pytest.fixture(scope="module")
def program():
    return torch.export.export(Normed().eval(), (torch.randn(2, 3, 8),))


def test_what_an_operator_is(program):
    found = {one.kind.split(".")[1]: one for one in operators_of(program)}
    assert (found["linear"].module, found["linear"].is_product, found["linear"].macs) == ("layer", True, 2 * 3 * 8 * 4)
    assert found["relu"].made_bytes == 2 * 12 * 4
    assert (found["relu"].module, found["relu"].is_free, found["relu"].is_constant) == ("", False, False)
    assert found["flatten"].is_free or found["view"].is_free
    assert found["dropout"].is_free
    (normed,) = [one for name, one in found.items() if "weight_norm" in name]
    assert normed.is_constant


def test_sizes_of_inputs_and_weights(program):
    sizes = sizes_of(program)
    assert sizes["x"] == 2 * 3 * 8 * 4
    assert sum(sizes.values()) == sizes["x"] + 4 * (4 * 8 + 4 + 4)


@pytest.mark.parametrize("pattern", ["residual", "attention", "depthwise_separable", "dense"])
def test_the_operators_cost_what_the_network_costs(pattern):
    """Their multiply-accumulates, one by one, from the shapes in the program."""
    network = pattern_case(pattern, 2, 32, (1, 3, 32, 32), 0).source.build()
    assert (
        sum(one.macs for one in operators_of(network.program)) == count_cost(network.module, network.inputs.args).macs
    )


@pytest.mark.parametrize("pattern", ["residual", "attention"])
def test_where_decomposed_operators_come_from(pattern):
    """Each is from one of the program, of the same module."""
    program = pattern_case(pattern, 2, 32, (1, 3, 32, 32), 0).source.build().program
    modules = {one.name: one.module for one in operators_of(program)}
    decomposed = program.run_decompositions()
    origins = origins_of(decomposed)
    assert {*origins.values()} <= {*modules}
    for one in operators_of(decomposed):
        assert modules[origins[one.name]] == one.module
