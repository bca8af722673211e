"""What engines tell of their layers, on the real engines: every step in time, every product matched to the network."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pytest_formfunc.backends import backend_entry
from pytest_formfunc.cases import pattern_case
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.forms.built import Inputs
from pytest_formfunc.function.layers import match
from pytest_formfunc.function.program_operators import operators_of
from pytest_formfunc.measure.observe_job import load_participant

pytestmark = pytest.mark.engine
ENGINES = ["openvino", pytest.param("onnxruntime", marks=pytest.mark.engine("onnxruntime"))]


def loaded(source, backend, folder):
    """Return a loaded engine with its inputs, and the exported program."""
    network = source.build()
    kind = type(backend_entry(backend).make(1))
    artifact = Path(folder, kind.artifact_name(1))
    kind.prepare(network, artifact)
    engine, _ = load_participant(backend, source, str(artifact), None, 0, 1)
    return engine, network.program


@pytest.mark.parametrize(
    "pattern", ["residual", "attention", "channel_shuffle", "dense", "squeeze_excitation_bottleneck"]
)
@pytest.mark.parametrize("backend", ENGINES)
def test_every_product_is_matched_and_timed(backend, pattern, tmp_path):
    """In a step that ran; what the engine has put in is no product."""
    check_products(backend, pattern, tmp_path)


def test_inductor_tells_its_kernels(tmp_path):
    """What it compiles for that takes long, so that later launches find it."""
    profiler = check_products("inductor", "squeeze_excitation_bottleneck", tmp_path)
    kernels = [step.kernel for step in profiler.steps()]
    assert any("fused" in kernel for kernel in kernels)
    assert not any("batch_norm" in kernel for kernel in kernels)  # frozen weights: they are folded
    assert len({step.name for step in profiler.steps()}) == len(profiler.steps())


def check_products(backend, pattern, tmp_path):
    engine, program = loaded(pattern_case(pattern, 2, 32, (1, 3, 32, 32), 0).source, backend, tmp_path)
    profiler = engine.profiler(program)
    for _ in range(5):
        profiler.call()
    steps, times = profiler.steps(), profiler.times_s()
    rows = match(operators_of(program), steps)
    assert {*times} <= {step.name for step in steps}
    assert all(seconds >= 0 for seconds in times.values())
    assert sum(times.values()) > 0
    for row in rows:
        if any(one.is_product for one in row.operators):
            assert row.steps, row.label
            assert any(step.name in times for step in row.steps), row.label
    assert not [step for row in rows if not row.operators for step in row.steps if step.is_product]
    return profiler


@pytest.mark.parametrize("backend", ["native", "native-nhwc"])
def test_native_is_run_operator_by_operator(backend, tmp_path):
    """All of them are timed, and together they compute what the module does."""
    engine, program = loaded(pattern_case("residual", 2, 16, (1, 3, 32, 32), 0).source, backend, tmp_path)
    profiler = engine.profiler(program)
    (result,) = torch.utils._pytree.tree_leaves(profiler.call())
    np.testing.assert_allclose(result.numpy(), engine.outputs()[0], rtol=1e-4, atol=1e-5)
    names = [one.name for one in operators_of(program)]
    assert [step.name for step in profiler.steps()] == names
    assert sorted(profiler.times_s()) == sorted(names)
    assert min(profiler.times_s().values()) > 0


class Named(torch.nn.Module):
    def forward(self, x, *, scale, shift=None):
        return x * scale if shift is None else x * scale + shift


def test_named_arguments_reach_the_operators_in_any_order():
    from pytest_formfunc.backends.native_profile import NativeProfiler

    x, scale, shift = torch.ones(1, 4), torch.full((4,), 2.0), torch.full((4,), 3.0)
    program = torch.export.export(Named(), (x,), {"scale": scale, "shift": shift})
    result = NativeProfiler(program, Inputs((x,), {"shift": shift, "scale": scale})).call()
    assert torch.utils._pytree.tree_leaves(result)[0].tolist() == [[5.0] * 4]


class Branches(torch.nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,))


def test_a_program_that_branches_has_no_list_of_operators():
    from pytest_formfunc.backends.native_profile import NativeProfiler

    program = torch.export.export(Branches(), (torch.ones(2),))
    with pytest.raises(MeasurementError, match="its exported program branches"):
        NativeProfiler(program, Inputs((torch.ones(2),), {}))


def test_an_engine_without_a_profile_says_so(tmp_path):
    engine, program = loaded(pattern_case("plain", 1, 8, (1, 3, 16, 16), 0).source, "openvino-tput", tmp_path)
    with pytest.raises(MeasurementError, match="several batches side by side"):
        engine.profiler(program)
