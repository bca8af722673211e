"""Reuse distances by hand, and of exported programs."""

import torch
from torch import nn

from pytest_formfunc.function.cache_model import (
    Touch,
    Traffic,
    modelled_traffic,
    reuse_distances,
    touched_bytes,
    touches_of,
)


def export(module, *inputs):
    return torch.export.export(module.eval(), inputs)


def test_the_least_cache_is_what_was_touched_since_with_the_data_itself():
    """A chain of products: each weight comes back when all others have been touched."""
    chain = [Touch(name, 10) for name in ("x", "a", "y", "y", "b", "x")]
    assert [least for least, _ in reuse_distances(chain)] == [10, 40, 40, 10, 40, 40]
    assert modelled_traffic(chain, 39) == Traffic(repeated_bytes=40, cold_bytes=50)
    assert modelled_traffic(chain, 39).efficacy == 1 - 40 / 50
    assert modelled_traffic(chain, 40) == Traffic(repeated_bytes=0, cold_bytes=40)
    assert modelled_traffic(chain, 40).efficacy == 1.0
    assert touched_bytes(chain) == 40


def test_nothing_is_served_at_once():
    assert modelled_traffic([], 1).efficacy == 1.0
    assert modelled_traffic([Touch("large", 100)], 99).efficacy == 0.0


def test_what_is_used_twice_in_a_call_is_spared_a_cold_call_too():
    """So a cache that holds no more than that is worth nothing to repeated calls."""
    chain = [Touch(name, 10) for name in ("a", "a", "b", "b", "c", "c")]
    assert modelled_traffic(chain, 10) == Traffic(repeated_bytes=30, cold_bytes=30)
    assert modelled_traffic(chain, 10).efficacy == 0.0


def test_weights_inputs_and_outputs_of_each_operator_are_touched():
    """Two products of 8x8: one weight, one bias, and what goes in and comes out."""
    touches = touches_of(export(nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8)), torch.ones(4, 8)), fused=False)
    sizes = [one.size for one in touches]
    assert sizes == [128, 256, 32, 128] * 2
    assert touches[3].tensor == touches[4].tensor  # the first one's output is the second one's input


def test_views_are_no_accesses():
    program = export(
        nn.Sequential(nn.Linear(8, 8), nn.Flatten(0), nn.Unflatten(0, (4, 8)), nn.ReLU()), torch.ones(4, 8)
    )
    touches = touches_of(program, fused=False)
    assert len(touches) == 4 + 2
    assert touches[-2].tensor == touches[3].tensor


def test_what_works_element_by_element_is_computed_together_with_what_it_reads():
    """Unless something else reads that as well: then it is written."""
    fused = touches_of(export(nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Sigmoid()), torch.ones(4, 8)), fused=True)
    assert [one.size for one in fused] == [128, 256, 32, 128]

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, x):
            y = self.layer(x)
            return torch.relu(y) + y

    touches = touches_of(export(Residual(), torch.ones(4, 8)), fused=True)
    assert sum("linear" in one.tensor for one in touches) == 3  # written, read by one and by the other
