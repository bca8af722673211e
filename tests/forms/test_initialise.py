"""Weights and inputs that are made from a seed."""

import pytest
import torch
from torch import nn

from pytest_formfunc.forms.initialise import BRANCH_GAIN, initialise
from pytest_formfunc.forms.inputs import seeded_input
from pytest_formfunc.forms.network import PatternNetwork
from pytest_formfunc.forms.sources import PatternSource

IMAGE = (1, 3, 32, 32)


def weights(network):
    return torch.cat([tensor.flatten().float() for tensor in network.state_dict().values()])


def build(seed=0, threads=1, pattern="residual_bottleneck"):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return PatternSource(pattern, 4, 32, IMAGE, seed).build().module
    finally:
        torch.set_num_threads(before)


def batch_norms(network):
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def test_same_seed_same_weights():
    """Two networks from one seed are equal bit for bit; another seed gives another network."""
    assert torch.equal(weights(build()), weights(build()))
    assert not torch.allclose(weights(build()), weights(build(seed=1)))


def test_weights_do_not_depend_on_threads():
    """One thread and two make the same weights, except for the last bits."""
    torch.testing.assert_close(weights(build(threads=1)), weights(build(threads=2)), rtol=0, atol=3e-6)


def test_global_generator_is_not_touched():
    """Building a network and its inputs draws nothing from torch's global generator."""
    before = torch.get_rng_state()
    build()
    assert torch.equal(torch.get_rng_state(), before)


def test_batch_norm_statistics_are_not_trivial():
    """Means are not 0, and variances and factors differ, so that folding them wrongly shows."""
    for norm in batch_norms(build()):
        assert norm.running_mean.abs().max() > 0
        assert norm.running_var.std() > 0
        assert (norm.running_var > 0).all()
        assert norm.weight.std() > 0
        assert norm.bias.abs().max() > 0


def test_batch_norms_outputs_have_unit_size_and_branch_ends_less():
    """A batch norm's output on the example has a root mean square near 1, or near the branch gain at a branch's end."""
    built = PatternSource("residual_bottleneck", 4, 32, IMAGE).build()
    network, inputs = built.module, built.inputs.args
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    sizes = {}
    for norm in batch_norms(network):
        norm.register_forward_hook(lambda m, _, out: sizes.__setitem__(m, float(out.square().mean().sqrt())))
    with torch.no_grad():
        network(*inputs)
    for norm, size in sizes.items():
        wanted = BRANCH_GAIN if getattr(norm, "branch_end", False) else 1.0
        assert size == pytest.approx(wanted, rel=0.4)


def test_hooks_are_gone_afterwards():
    """Initialising leaves no hooks on the network."""
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in build().modules())


@pytest.mark.parametrize("training", [True, False])
def test_mode_is_kept(training):
    """The network stays in its mode, and the pass does not update its statistics."""
    network = PatternNetwork("plain", 1, 8).train(training)
    initialise(network, (seeded_input(IMAGE, torch.float32, 0),), 0)
    assert network.training is training
    assert int(network.stem.bn.num_batches_tracked) == 0


class Odd(nn.Module):
    """Modules that `initialise` does not know; some are called twice, some never, some have no parameters."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 8)
        self.gru = nn.GRU(8, 8, batch_first=True)
        self.twice = nn.Linear(8, 8)
        self.never = nn.Linear(8, 8)
        self.norm = nn.BatchNorm1d(6, affine=False, track_running_stats=False)
        self.up = nn.ConvTranspose1d(6, 3, 2)

    def forward(self, indices):
        states, _ = self.gru(self.embed(indices))
        return {"out": self.up(self.norm(self.twice(self.twice(states))))}


def test_other_modules_do_not_break_it():
    """Embeddings and recurrent layers keep their weights, and other layers get new ones."""
    torch.manual_seed(0)
    network = Odd()
    embedding = network.embed.weight.clone()
    linear = network.twice.weight.clone()
    indices = seeded_input((2, 6), torch.int64, 0)
    initialise(network, (indices,), 0)
    assert torch.equal(network.embed.weight, embedding)
    assert not torch.equal(network.twice.weight, linear)
    assert torch.isfinite(network.eval()(indices)["out"]).all()


def test_a_zero_signal_leaves_finite_weights():
    """A layer's scale is limited where there is no signal to measure."""
    network = PatternNetwork("fire", 2, 16)
    initialise(network, (torch.zeros(IMAGE),), 0)
    assert torch.isfinite(weights(network)).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.uint8, torch.bool])
@pytest.mark.parametrize("shape", [(2, 3, 16, 24), (1, 1, 1, 1), (4, 7), (5,)])
def test_inputs_have_the_shape_and_type_asked_for(shape, dtype):
    """Inputs are finite, not negative where they are integers, and the same for the same seed."""
    made = seeded_input(shape, dtype, 3)
    assert tuple(made.shape) == shape
    assert made.dtype == dtype
    assert torch.equal(made, seeded_input(shape, dtype, 3))
    assert torch.isfinite(made.float()).all()
    if not dtype.is_floating_point:
        assert made.float().min() >= 0


def test_seeds_give_clearly_different_images():
    """Two images differ by about their own size, also in their means."""
    one, two = (seeded_input((1, 3, 64, 64), torch.float32, seed) for seed in (0, 1))
    assert (one - two).square().mean().sqrt() > 0.5 * one.square().mean().sqrt()
    assert (one.mean((2, 3)) - two.mean((2, 3))).abs().max() > 0.3


def test_images_are_smooth():
    """Neighbouring pixels are similar: most of an image's variance is in large shapes."""
    image = seeded_input((1, 3, 64, 64), torch.float32, 0)
    assert image.diff(dim=3).var() < 0.5 * image.var((2, 3)).mean()
