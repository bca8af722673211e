"""Each architecture is the published one: the same parameters, and multiply-adds as its sources count them."""

import pytest
import torch

from pytest_formfunc.forms.architectures import ARCHITECTURES, architecture_class, architecture_entry
from pytest_formfunc.forms.sources import ArchitectureSource
from pytest_formfunc.function.cost import count_cost

NAMES = [entry.name for entry in ARCHITECTURES]


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_the_published_ones(name):
    """The number of parameters is exactly that of the source."""
    network = architecture_class(name)()
    assert sum(parameter.numel() for parameter in network.parameters()) == architecture_entry(name).params


@pytest.mark.parametrize("entry", [entry for entry in ARCHITECTURES if entry.macs], ids=lambda entry: entry.name)
def test_multiply_adds_are_the_published_ones(entry):
    """The number agrees to half of the last digit that the source gives."""
    network = architecture_class(entry.name)().eval()
    macs = count_cost(network, (torch.zeros(entry.input_shape),)).macs / 1e6
    digits = len(str(entry.macs).partition(".")[2])
    assert macs == pytest.approx(entry.macs, abs=0.51 * 10**-digits)


def test_fbnet_c_has_the_weights_that_its_authors_count():
    """Without norms and biases, as they count, there are 5.52542M."""
    network = architecture_class("fbnet_c")()
    weighty = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)]
    assert sum(module.weight.numel() for module in weighty) == 5_525_424


@pytest.mark.parametrize("name", NAMES)
def test_the_output_keeps_the_signals_size_and_depends_on_the_input(name):
    """Otherwise any two engines would agree."""
    source = ArchitectureSource(name, architecture_entry(name).input_shape)
    built = source.build()
    network, inputs = built.module, built.inputs.args
    with torch.inference_mode():
        first, second = network(*inputs), network(*source.inputs(1).args)
    assert 0.1 < float(first.std()) < 10
    assert float((first - second).square().mean().sqrt()) > 0.01 * float(first.std())
