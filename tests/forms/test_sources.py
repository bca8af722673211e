"""Sources of networks: patterns, modules in files, factories by name."""

import pickle
import sys

import pytest
import torch
from torch import nn

from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.built import Inputs
from pytest_formfunc.forms.factories import FactorySource
from pytest_formfunc.forms.input_specs import image
from pytest_formfunc.forms.modules import ModuleSource
from pytest_formfunc.forms.sources import PatternSource

FACTORIES = """
import torch
from torch import nn

def make(): return nn.Sequential(nn.Conv2d(3, 2, 1), nn.Dropout())
def number(): return 3
def fails(): raise KeyError("no weights here")
"""


@pytest.fixture
def factories(tmp_path, monkeypatch):
    (tmp_path / "formfunc_factories.py").write_text(FACTORIES)
    (tmp_path / "formfunc_broken.py").write_text("import no_such_package_at_all")
    monkeypatch.syspath_prepend(tmp_path)
    yield "formfunc_factories"
    sys.modules.pop("formfunc_factories", None)


@pytest.fixture
def saved(tmp_path):
    def save(module, *inputs):
        path, inputs_path = tmp_path / "mine.pkl", tmp_path / "inputs.pkl"
        path.write_bytes(pickle.dumps(module))
        inputs_path.write_bytes(pickle.dumps((Inputs(inputs),)))
        return ModuleSource(str(path), str(inputs_path))

    return save


def all_sources(factories, saved):
    picture = torch.randn(1, 3, 8, 8)
    return [
        PatternSource("plain", 1, 8, (1, 3, 8, 8)),
        FactorySource(f"{factories}:make", image((1, 3, 8, 8))),
        saved(nn.Sequential(nn.Conv2d(3, 2, 1), nn.Dropout()), picture),
    ]


def test_sources_build_in_evaluation_mode(factories, saved):
    """Every source's network is in evaluation mode and takes the source's inputs."""
    for source in all_sources(factories, saved):
        built = source.build()
        network, inputs = built.module, built.inputs.args
        assert not any(module.training for module in network.modules())
        assert isinstance(network(*inputs), torch.Tensor)
        assert pickle.loads(pickle.dumps(source)) == source
        assert source.describe()


def test_sources_restore_saved_weights(factories, saved, tmp_path):
    """A network restored from its state gives the same outputs as the first one."""
    for source in all_sources(factories, saved):
        built = source.build()
        network, inputs = built.module, built.inputs.args
        torch.save(network.state_dict(), tmp_path / "state.pt")
        restored = source.restore(tmp_path / "state.pt")
        assert not restored.training
        with torch.no_grad():
            assert torch.equal(network(*inputs), restored(*inputs))


def test_only_patterns_know_their_content_beforehand(factories, saved):
    """A pattern's content changes with its fields; that of users' networks is known only once they are built."""
    pattern, factory, module = all_sources(factories, saved)
    assert pattern.content() == PatternSource("plain", 1, 8, (1, 3, 8, 8)).content()
    assert pattern.content() != PatternSource("plain", 1, 8, (1, 3, 8, 8), seed=1).content()
    assert factory.content() is None
    assert module.content() is None


def test_module_inputs_of_seed_0_are_the_example(saved):
    """Seed 0 gives the user's own inputs."""
    example = torch.randn(2, 3)
    (given,) = saved(nn.Linear(3, 1), example).inputs(0).args
    assert torch.equal(given, example)


@pytest.mark.parametrize("shape", [(2, 3, 16, 16), (50, 40)])
def test_other_module_inputs_look_like_the_example(saved, shape):
    """Floats keep shape, type, mean and standard deviation, and differ from seed to seed."""
    example = 100 + 5 * torch.randn(shape)
    source = saved(nn.Identity(), example)
    one, two = source.inputs(1).args[0], source.inputs(2).args[0]
    assert one.shape == example.shape
    assert one.dtype == example.dtype
    assert float(one.mean()) == pytest.approx(float(example.mean()), rel=0.01)
    assert float(one.std()) == pytest.approx(float(example.std()), rel=0.01)
    assert not torch.allclose(one, two, atol=1)


def test_other_integer_inputs_are_drawn_from_the_examples_values(saved):
    """An index never leaves the range of the user's indices."""
    example = 3 * torch.randperm(40, dtype=torch.int32).reshape(4, 10)
    (other,) = saved(nn.Identity(), example).inputs(1).args
    assert other.shape == example.shape
    assert other.dtype == example.dtype
    assert not torch.equal(other, example)
    assert set(other.flatten().tolist()) < set(example.flatten().tolist())


def test_inputs_that_are_not_tensors_or_tiny_are_taken(saved):
    """None, numbers, empty tensors and single values are accepted."""
    source = saved(nn.Identity(), None, 3, torch.empty(0), torch.tensor(2.0))
    nothing, three, empty, single = source.inputs(1).args
    assert nothing is None
    assert three == 3
    assert empty.numel() == 0
    assert torch.isfinite(single)


@pytest.mark.parametrize(
    ("module", "inputs", "sentence"),
    [
        (b"no pickle", pickle.dumps((1,)), "does not load in a worker process: UnpicklingError: "),
        (pickle.dumps(3), pickle.dumps((1,)), r"module\.pkl must hold a torch\.nn\.Module$"),
        (pickle.dumps(nn.Identity()), pickle.dumps(3), r"inputs\.pkl must hold the arguments of calls$"),
        (pickle.dumps(nn.Identity()), None, "does not load in a worker process: FileNotFoundError: "),
    ],
    ids=["no pickle", "no module", "no tuple", "no file"],
)
def test_files_that_hold_something_else_are_refused(tmp_path, module, inputs, sentence):
    """The message says what is wrong with which file."""
    (tmp_path / "module.pkl").write_bytes(module)
    if inputs is not None:
        (tmp_path / "inputs.pkl").write_bytes(inputs)
    with pytest.raises(BadInput, match=sentence):
        ModuleSource(str(tmp_path / "module.pkl"), str(tmp_path / "inputs.pkl")).build()


def test_factory_is_seeded_and_leaves_the_global_generator_alone(factories):
    """The same seed gives the same weights, and the caller's random numbers are not affected."""
    before = torch.get_rng_state()
    built = [FactorySource(f"{factories}:make", image((1, 3, 8, 8)), seed).build().module for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(built[0][0].weight, built[1][0].weight)
    assert not torch.equal(built[0][0].weight, built[2][0].weight)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("formfunc_factories", "a factory is given as package.module:function, not 'formfunc_factories'"),
        (":make", "a factory is given as package.module:function, not ':make'"),
        ("a b:make", "a factory is given as package.module:function, not 'a b:make'"),
        (
            "no_such_module:make",
            "module no_such_module of no_such_module:make does not import: "
            "ModuleNotFoundError: No module named 'no_such_module'",
        ),
        (
            "formfunc_broken:make",
            "module formfunc_broken of formfunc_broken:make does not import: ModuleNotFoundError: "
            "No module named 'no_such_package_at_all'",
        ),
        ("formfunc_factories:nothing", "module formfunc_factories has no 'nothing'"),
        ("formfunc_factories:fails", "formfunc_factories:fails raised KeyError: 'no weights here'"),
        ("formfunc_factories:number", "formfunc_factories:number must return a torch.nn.Module, not int"),
    ],
)
def test_invalid_factories_are_refused(factories, target, sentence):
    """Each mistake has its own message."""
    with pytest.raises(BadInput) as refusal:
        FactorySource(target, image((1, 3, 8, 8))).build()
    assert str(refusal.value) == sentence
