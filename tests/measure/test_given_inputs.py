"""Inputs of PyTorch eager in a worker: strides, fresh copies, and whether native answers twice alike."""

import numpy as np
import pytest

from pytest_formfunc.errors import MeasurementError

pytestmark = pytest.mark.engine


@pytest.fixture
def given(tmp_path):
    """Return a function that loads a module into native and gives it inputs."""
    import cloudpickle
    import torch

    from pytest_formfunc.backends.native import NativeEngine
    from pytest_formfunc.forms.built import Inputs
    from pytest_formfunc.forms.modules import ModuleSource
    from pytest_formfunc.measure.given_inputs import GivenInputs

    def load(module, *tensors):
        (tmp_path / "model").write_bytes(cloudpickle.dumps(module))
        (tmp_path / "inputs").write_bytes(cloudpickle.dumps((Inputs(tensors),)))
        torch.save(module.state_dict(), tmp_path / "weights.pt")
        source = ModuleSource(str(tmp_path / "model"), str(tmp_path / "inputs"))
        engine = NativeEngine(threads=1)
        engine.load(source, tmp_path / "weights.pt")
        return engine, GivenInputs(engine, [source.inputs(seed) for seed in (0, 1)])

    return load


def forward(function):
    """Return a module that computes a function of its input."""
    from torch import nn

    class Module(nn.Module):
        def __init__(self):
            super().__init__()
            self.function = function

        def forward(self, *tensors):
            return self.function(*tensors)

    return Module()


@pytest.mark.parametrize("layout", ["transposed", "channels_last", "scalar", "bfloat16", "bool", "complex", "empty"])
def test_native_gets_what_was_given(given, layout):
    """Type, rank and strides; so also in the inputs that are drawn."""
    import torch

    example = {
        "transposed": torch.randn(2, 8, 16).transpose(1, 2),
        "channels_last": torch.randn(1, 3, 8, 8).contiguous(memory_format=torch.channels_last),
        "scalar": torch.tensor(3.0),
        "bfloat16": torch.randn(1, 8).bfloat16(),
        "bool": torch.tensor([[True, False, True]]),
        "complex": torch.complex(torch.randn(1, 8), torch.randn(1, 8)),
        "empty": torch.zeros(0, 3),
    }[layout]
    seen = []
    _, inputs = given(forward(lambda x: seen.append((x.dtype, x.shape, x.stride())) or x.clone()), example)
    # The lambda was sent to the engine as a copy, with a list of its own.
    outputs = inputs.outputs()
    function = inputs._engine._network.function
    noted = function.__closure__[0].cell_contents
    strides = example.stride() if example.numel() else noted[0][2]
    assert set(noted) == {(example.dtype, example.shape, strides)}
    assert len(noted) == 2
    if layout not in ("bfloat16",):
        np.testing.assert_array_equal(outputs[0][0], example.numpy())


def test_an_input_that_calls_overwrite_is_fresh_each_time(given):
    """Restoring it is not part of what is timed."""
    import torch

    engine, inputs = given(forward(lambda x: x.add_(1)), torch.zeros(1, 4))
    engine.call()
    inputs.note_overwritten()
    assert inputs.overwritten
    timer = inputs.timer(engine.time_call)
    assert timer() > 0
    timer()
    np.testing.assert_array_equal(inputs._now[0], np.ones((1, 4)))
    np.testing.assert_array_equal(inputs.outputs()[0][0], np.ones((1, 4)))


def test_an_input_that_stays_as_it_is_costs_nothing(given):
    """The engine's own timer is used."""
    import torch

    engine, inputs = given(forward(lambda x: x + 1), torch.zeros(1, 4))
    engine.call()
    inputs.note_overwritten()
    assert not inputs.overwritten
    assert inputs.timer(engine.time_call) == engine.time_call


def test_native_that_answers_twice_alike_is_repeatable(given):
    """Even if it overwrites its input."""
    import torch

    for function in (lambda x: x * 2, lambda x: x.mul_(2), lambda x: x.argmax(-1)):
        _, inputs = given(forward(function), torch.randn(2, 4))
        inputs.check_repeatable()


def test_native_that_answers_differently_is_named_with_its_buffer(given):
    """A running count is the reason, and it is said."""
    import torch
    from torch import nn

    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("count", torch.zeros(()))

        def forward(self, x):
            self.count += 1
            return x * self.count

    _, inputs = given(Counts(), torch.ones(1, 4))
    with pytest.raises(MeasurementError, match=r"native answers differently each time.*its buffer 'count' changes"):
        inputs.check_repeatable()
    _, inputs = given(forward(lambda x: x + torch.rand_like(x)), torch.ones(1, 4))
    with pytest.raises(MeasurementError, match="it is random, or it keeps something from call to call"):
        inputs.check_repeatable()


def test_outputs_are_named_as_one_would_index_them():
    """What is no tensor has no name."""
    import torch

    from pytest_formfunc.backends.native import names_of

    one = torch.zeros(1)
    assert names_of({"boxes": one, "scores": (one, None)}) == ["['boxes']", "['scores'][0]"]
    assert names_of(one) == [""]


def test_inputs_that_an_engine_keeps_on_a_device_are_fresh_too(given):
    """The arrays stay as they are where calls change the engine's own copies."""
    import torch

    engine, inputs = given(forward(lambda x: x.add_(1)), torch.zeros(1, 4))
    set_inputs = engine.set_inputs
    engine.set_inputs = lambda arrays: set_inputs(tuple(array.copy() for array in arrays))
    engine.held_inputs = lambda: tuple(tensor.numpy() for tensor in engine._arguments.tensors)
    inputs.set(0)
    engine.call()
    inputs.note_overwritten()
    assert inputs.overwritten
    timer = inputs.timer(engine.time_call)
    for _ in range(2):
        timer()
        np.testing.assert_array_equal(engine.held_inputs()[0], np.ones((1, 4)))


def test_a_rounding_of_the_input_moves_a_chaotic_output_far(given):
    """And that of a calm one hardly; zeros, infinities and integers stay."""
    import torch

    moved = {}
    for name, function in {"calm": lambda x: x * 2, "chaotic": lambda x: (x * 1e6).sin()}.items():
        _, inputs = given(forward(function), torch.tensor([[0.0, 1.0, 3.0, float("inf")]]))
        (plain,), (other,) = inputs.outputs()[0], inputs.outputs_after_rounding()
        assert plain[0, 0] == other[0, 0]
        moved[name] = np.abs(plain - other)[0, 1:3].max()
    assert 0 < moved["calm"] < 1e-6
    assert moved["chaotic"] > 1e-2
    _, inputs = given(forward(lambda x: x + 1), torch.tensor([1, 2]))
    assert inputs.outputs_after_rounding() == []


def test_half_precision_may_differ_by_its_own_rounding(given):
    """A bfloat16 module whose sums come out in another order is not random."""
    import torch

    calls = []

    def another_order(x):
        calls.append(0)
        return x * (1 + len(calls) % 2 * 2**-8)

    engine, inputs = given(forward(another_order), torch.randn(4, 64))
    engine.half = "bf16"
    inputs.check_repeatable()
    engine.half = ""
    with pytest.raises(MeasurementError, match="answers differently"):
        inputs.check_repeatable()
