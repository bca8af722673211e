"""Trained networks: training is repeatable, zeros and redundancy are what they are, and skipping computes what it says."""

import math
import sys

import pytest
import torch
from torch import nn

from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.network import PatternNetwork
from pytest_formfunc.function.skipping import CHANNELS, POSITIONS, gather, macs_saved, mask, masks_while_training
from pytest_formfunc.function.training import Digits, accuracy_of, load_digits, share_of, train
from pytest_formfunc.function.zeros import look_at, redundancy

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def digits():
    """All to test on, and the first 256 to train on, which takes a second."""
    found = load_digits()
    return Digits(found.images[:256], found.labels[:256], found.test_images, found.test_labels)


def network(pattern="residual"):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return PatternNetwork(pattern, 1, 16, in_channels=1, classes=10)


def exported(net, *inputs):
    with torch.no_grad():
        return torch.export.export(net.eval(), inputs)


def test_training_is_repeatable_and_learns(digits):
    before = torch.random.get_rng_state()
    one, other = train(network(), digits, epochs=12), train(network(), digits, epochs=12)
    assert all(torch.equal(*pair) for pair in zip(one.network.parameters(), other.network.parameters(), strict=True))
    assert one.accuracy.low > accuracy_of(network().eval(), digits).high
    assert (one.accuracy.n, one.network.training) == (360, False)
    assert torch.equal(before, torch.random.get_rng_state())


def test_digits_are_divided_alike_each_time():
    one, other = load_digits(), load_digits()
    assert torch.equal(one.images, other.images)
    assert (one.images.shape, one.test_images.shape) == ((1437, 1, 32, 32), (360, 1, 32, 32))
    assert one.test_labels.bincount().min() >= 34  # each digit has its share


def test_without_the_images_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(BadInput, match=r"pytest-formfunc\[trained\]"):
        load_digits()


@pytest.mark.parametrize(("hits", "count", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634)])
def test_a_share_has_wilsons_interval(hits, count, low, high):
    found = share_of(hits, count)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_zeros_are_counted_for_each_input_where_they_can_be_made():
    """Of two inputs, by hand: a ReLU makes half zeros, a SiLU none and is not looked at."""
    net = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.ReLU(), nn.Conv2d(2, 2, 1), nn.SiLU())
    net[0].weight.data = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
    inputs = torch.stack([torch.ones(1, 2, 2), torch.tensor([[[1.0, -1.0], [0.0, 2.0]]])])
    (seen,) = look_at(exported(net, inputs[:1]).module(), [(one[None],) for one in inputs])
    assert seen.zeros == [0.5, 5 / 8]  # of the second, 0 is zero in both channels
    assert seen.layer.endswith("relu")


def test_redundancy_is_the_share_that_mixtures_of_others_make():
    """Four channels, of which two are multiples of the others; and four positions alike."""
    base = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    maps = torch.cat([base, 2 * base]).reshape(1, 4, 4, 4)
    assert redundancy(maps) == (0.5, 1 - 2 / 16)
    assert redundancy(torch.ones(1, 4, 2, 2)) == (0.75, 0.75)
    assert redundancy(torch.zeros(1, 4, 2, 2)) == (1.0, 1.0)
    for shape in ((1, 4), (2, 4, 2, 2), (1, 4, 1, 1), (1, 1, 4, 4)):
        assert all(map(math.isnan, redundancy(torch.ones(shape)))), shape


@pytest.mark.parametrize("axis", [CHANNELS, POSITIONS])
@pytest.mark.parametrize("pattern", ["residual_bottleneck", "multi_branch", "pointwise"])
def test_masking_and_leaving_out_compute_the_same(axis, pattern, digits):
    """And a program that leaves work out can be exported again, for engines."""
    program = exported(network(pattern), digits.images[:1])
    masked, gathered = program.module(), program.module()
    count = mask(masked, axis, 0.5)
    assert gather(gathered, axis, 0.5) == count > 0
    with torch.no_grad():
        for one in torch.split(digits.test_images[:4], 1):
            torch.testing.assert_close(masked(one), gathered(one), rtol=1e-4, atol=1e-4)
        assert not torch.allclose(masked(one), program.module()(one), atol=1e-3)
        torch.export.export(gathered, (digits.images[:1],))
    saved, whole = macs_saved(program.module(), axis, 0.5)
    assert 0 < saved <= whole / 2


@pytest.mark.parametrize("axis", [CHANNELS, POSITIONS])
def test_masks_while_training_are_those_of_the_program(axis, digits):
    """The same convolutions, by the same attention; removed, they leave the network as it was."""
    net = network("residual_bottleneck").eval()
    program = exported(net, digits.images[:1])
    masked = program.module()
    count = mask(masked, axis, 0.5)
    with torch.no_grad():
        before = net(digits.images[:1])
        hooks = [*masks_while_training(net, axis, 0.5)]
        assert len(hooks) >= count
        torch.testing.assert_close(net(digits.images[:1]), masked(digits.images[:1]), rtol=1e-4, atol=1e-4)
        for hook in hooks:
            hook.remove()
        assert torch.equal(net(digits.images[:1]), before)


def test_everything_kept_is_everything_computed(digits):
    program = exported(network(), digits.images[:1])
    module = program.module()
    assert mask(module, CHANNELS, 1.0) > 0
    with torch.no_grad():
        torch.testing.assert_close(module(digits.images[:1]), program.module()(digits.images[:1]))
    assert macs_saved(program.module(), CHANNELS, 1.0)[0] == 0
