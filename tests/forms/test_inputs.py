"""Inputs that are drawn like an example: a network that takes the example takes them, and gives other outputs."""

import pytest
import torch

from pytest_formfunc.forms.built import Inputs
from pytest_formfunc.forms.inputs import vary
from pytest_formfunc.forms.modules import vary_all

GENERATOR = torch.Generator().manual_seed(0)
INFINITE = float("-inf")


def randn(*shape):
    return torch.randn(shape, generator=GENERATOR)


@pytest.mark.parametrize(
    "example",
    [
        randn(1, 3, 16, 16),
        randn(4, 8) * 5 + 100,
        torch.rand(1, 16, generator=GENERATOR) + 0.01,  # positive: a network may take its logarithm
        torch.zeros(1, 3, 16, 16),
        torch.full((2, 5), 3.0),
        torch.full((2, 5), -3.0),
        torch.tensor(3.0),
        torch.tensor(0.0),
        randn(1, 16).bfloat16(),
        randn(1, 16).half(),
        randn(1, 16).double(),
        torch.complex(randn(1, 16), randn(1, 16)),
        torch.randint(0, 50, (1, 12), generator=GENERATOR),
        torch.ones(2, 12, dtype=torch.long),
        torch.randint(0, 255, (1, 3, 8, 8), generator=GENERATOR).to(torch.uint8),
        torch.tensor([[True, False, True, False, False, True, True]]),
        randn(1, 8, 16).transpose(1, 2),
        randn(1, 3, 8, 8).contiguous(memory_format=torch.channels_last),
    ],
    ids=str,
)
def test_a_drawn_tensor_is_like_the_example_and_another(example):
    """Type, shape, strides, range and sign are the example's; different seeds give different tensors."""
    drawn = [vary(example, seed) for seed in (1, 2, 3)]
    for one in drawn:
        assert (one.dtype, one.shape, one.stride()) == (example.dtype, example.shape, example.stride())
        assert not torch.equal(one, example)
        if not one.dtype.is_complex:
            assert bool((one >= 0).all()) or not bool((example >= 0).all()) or bool((example == 0).all())
            assert bool((one <= 0).all()) or not bool((example <= 0).all()) or bool((example == 0).all())
    assert len({str(one.tolist()) for one in drawn}) == 3 or example.numel() < 10
    if not example.dtype.is_floating_point and not example.dtype.is_complex and len(example.unique()) > 1:
        assert set(drawn[0].unique().tolist()) <= set(example.unique().tolist())


def test_a_drawn_set_is_another_set():
    """In another order alone the example would be the same to a network that adds up."""
    example = torch.randint(0, 50, (1, 12), generator=GENERATOR)
    assert any(sorted(vary(example, seed).flatten().tolist()) != sorted(example.flatten().tolist()) for seed in (1, 2))


def test_infinities_stay_where_they_are():
    """What is finite beside them is drawn anew."""
    example = randn(4, 4)
    example[0, 1] = INFINITE
    example[2, 3] = float("inf")
    drawn = vary(example, 1, alone=False)
    assert torch.equal(drawn.isinf(), example.isinf())
    assert drawn[0, 1] == INFINITE
    assert not torch.equal(drawn, example)


@pytest.mark.parametrize(
    "mask",
    [
        torch.full((6, 6), INFINITE).triu(1),
        torch.ones(1, 6, dtype=torch.bool),
        torch.tensor([[True, False]]),
        torch.tensor([[1.0, 1.0, 0.0]]),
        torch.arange(6).reshape(1, 6),  # positions
    ],
    ids=str,
)
def test_masks_and_positions_beside_other_tensors_stay_as_they_are(mask):
    """A drawn one might hide everything, or point beyond the table."""
    example = Inputs((randn(1, 6, 8), mask))
    x, same = vary_all(example, 1).args
    assert same is mask
    assert not torch.equal(x, example.args[0])


def test_offsets_stay_sorted():
    """They start where the example's start."""
    offsets = torch.tensor([0, 3, 3, 9])
    drawn = vary(offsets, 1)
    assert drawn[0] == 0
    assert bool((drawn.diff() >= 0).all())


def test_empty_tensors_and_constants_of_zero_indices_stay():
    """There is nothing to draw, or nothing else that is known to be valid."""
    for example in (torch.zeros(0, 3), torch.zeros(2, 3, dtype=torch.long)):
        assert torch.equal(vary(example, 1), example)


def test_two_tensors_of_a_call_are_drawn_independently():
    """Also where they look the same."""
    one = randn(1, 8)
    first, second = vary_all(Inputs((one, one.clone())), 1).args
    assert not torch.equal(first, second)
    assert not torch.equal(vary_all(Inputs((one, one.clone())), 2).args[0], second)
