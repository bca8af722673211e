"""What a module computes in is seen in its operators, and not in the type of its weights or outputs alone."""

import pytest

pytestmark = [pytest.mark.engine, pytest.mark.filterwarnings("ignore:.torch.jit")]


def half(module, *inputs):
    from pytest_formfunc.backends.precision import half_of
    from pytest_formfunc.forms.built import Inputs, Network

    return half_of(Network(Inputs(inputs), lambda seed: Inputs(inputs), module))


def test_autocast_inside_is_seen():
    """Although weights, input and output are float32."""
    import torch
    from torch import nn

    class Casts(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, x):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return self.layer(x).float()

    assert half(Casts(), torch.randn(1, 8)) == "bf16"


def test_a_cast_is_no_computation():
    """Float32 that is rounded at the end was computed in float32."""
    import torch
    from torch import nn

    class Rounds(nn.Linear):
        def forward(self, x):
            return super().forward(x).bfloat16()

    assert half(Rounds(8, 8), torch.randn(1, 8)) == ""
    assert half(nn.Linear(8, 8), torch.randn(1, 8)) == ""
    assert half(nn.Linear(8, 8).half(), torch.randn(1, 8).half()) == "f16"


def test_compiled_code_shows_nothing():
    """Then outputs and weights say what they can."""
    import torch
    from torch import nn

    assert half(torch.jit.trace(nn.Linear(8, 8), torch.randn(1, 8)), torch.randn(1, 8)) is None
    assert half(torch.compile(nn.Linear(8, 8)), torch.randn(1, 8)) is None


def test_outputs_of_half_precision_only():
    import torch

    from pytest_formfunc.backends.precision import half_outputs

    one = torch.ones(2)
    assert half_outputs((one.half(), {"places": torch.ones(2, dtype=torch.long)})) == "f16"
    assert half_outputs((one.half(), one)) == ""
    assert half_outputs((one.half(), one.bfloat16())) == ""
    assert half_outputs(torch.ones(2, dtype=torch.long)) == ""
