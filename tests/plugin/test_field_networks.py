"""Networks that once had a wrong figure or a wrong sentence, on the real engines: each is measured, or says what is so."""

import pytest
from support.project import Project

pytestmark = pytest.mark.engine

NETS = '''
import collections
import dataclasses
import unittest

import numpy as np
import pytest
import torch
from torch import nn


class Growing(nn.Module):
    """Keeps every input that it has seen."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 64)
        self.seen = collections.deque()

    def forward(self, x):
        self.seen.append(x.clone())
        return self.layer(x) + 0 * torch.stack(tuple(self.seen)).mean()


class MakesItsMask(nn.Module):
    """Makes a tensor in its first call and keeps it."""

    def __init__(self):
        super().__init__()
        self.layer, self.mask = nn.Linear(16, 16), None

    def forward(self, x):
        if self.mask is None:
            self.mask = torch.ones(x.shape[1], x.shape[1]).tril()
        return self.mask @ self.layer(x)


class Counts(nn.Module):
    """Has a buffer that each call changes, and that its output depends on."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.register_buffer("number_of_calls", torch.zeros(()))

    def forward(self, x):
        self.number_of_calls += 1
        return self.layer(x) * self.number_of_calls


class AddsInPlace(nn.Module):
    """Overwrites its input."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x):
        return self.layer(x.add_(1))


class Drops(nn.Module):
    """Random, although it is in evaluation mode."""

    def forward(self, x):
        return nn.functional.dropout(x, training=True)


class Sums(nn.Module):
    """Depends on which indices it gets, and not on their order."""

    def __init__(self):
        super().__init__()
        self.table, self.layer = nn.EmbeddingBag(50, 16, mode="sum"), nn.Linear(16, 4)

    def forward(self, ids):
        return self.layer(self.table(ids))


class TakesLogarithms(nn.Module):
    """Takes positive numbers only."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(16, 4)

    def forward(self, x):
        return self.layer(x.log())


class Attends(nn.Module):
    """Adds a mask of zeros and infinities."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x, mask):
        return (self.layer(x) @ x.transpose(1, 2) + mask).softmax(-1) @ x


class HidesInfinities(nn.Module):
    """Returns logits of which some are infinite for every input."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.register_buffer("hidden", torch.where(torch.arange(8) < 3, float("-inf"), 0.0))

    def forward(self, x):
        return self.layer(x) + self.hidden


class Scales(nn.Module):
    """Takes a number as a tensor without axes."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x, factor):
        return self.layer(x) * factor


class Ranks(nn.Module):
    """Returns values and where they were."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(16, 16)

    def forward(self, x):
        values, places = self.layer(x).topk(3)
        return {"values": values, "places": places}


class Normalises(nn.Module):
    """Is given a transposed matrix, which it transposes back: for native that costs nothing."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(64)

    def forward(self, x):
        assert not x.is_contiguous() or torch.compiler.is_compiling()
        return self.norm(x.transpose(1, 2))


class Transforms(nn.Module):
    """Returns complex numbers."""

    def forward(self, x):
        return torch.fft.fft(x)


@dataclasses.dataclass
class Answer:
    logits: torch.Tensor


class Structured(nn.Module):
    """Returns an object that is neither a tensor, a tuple nor a dict."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x):
        return Answer(self.layer(x))


class Constant(nn.Module):
    """Ignores what it gets."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return self.weight + 0 * x.sum()


class Named(nn.Module):
    """Takes a named argument beside a positional one."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x, *, scale):
        return self.layer(x) * scale


torch.manual_seed(0)
CASES = {
    "growing": (Growing(), torch.randn(64, 64)),
    "makes_its_mask": (MakesItsMask(), torch.randn(1, 12, 16)),
    "counts": (Counts(), torch.randn(1, 8)),
    "adds_in_place": (AddsInPlace(), torch.randn(1, 8)),
    "drops": (Drops(), torch.randn(1, 8)),
    "sums": (Sums(), torch.randint(0, 50, (1, 12))),
    "sums_of_ones": (Sums(), torch.ones(2, 12, dtype=torch.long)),
    "zeros": (nn.Conv2d(3, 4, 3), torch.zeros(1, 3, 16, 16)),
    "takes_logarithms": (TakesLogarithms(), torch.rand(1, 16) + 0.01),
    "attends": (Attends(), (torch.randn(1, 6, 8), torch.full((6, 6), float("-inf")).triu(1))),
    "hides_infinities": (HidesInfinities(), torch.randn(1, 8)),
    "scales": (Scales(), (torch.randn(1, 8), torch.tensor(3.0))),
    "ranks": (Ranks(), torch.randn(4, 16)),
    "normalises": (Normalises(), torch.randn(1, 32, 64).transpose(1, 2)),
    "transforms": (Transforms(), torch.randn(1, 64)),
    "structured": (Structured(), torch.randn(1, 8)),
    "constant": (Constant(), torch.randn(1, 8)),
    "bfloat16": (nn.Linear(16, 4).bfloat16(), torch.randn(1, 16).bfloat16()),
    "double": (nn.Linear(16, 4).double(), torch.randn(1, 16).double()),
    "numpy_input": (nn.Linear(8, 8), np.ones((1, 8), np.float32)),
}


@pytest.mark.parametrize("name", CASES)
def test_net(formfunc, name):
    formfunc(*CASES[name])


def test_named(formfunc):
    formfunc(Named(), torch.randn(1, 8), kwargs={"scale": torch.tensor(2.0)}, others=[torch.randn(1, 8)])


def test_other_shape(formfunc):
    formfunc(nn.Linear(8, 8), torch.randn(1, 8), others=[torch.randn(2, 8)])


def test_never_called(formfunc):
    pass


def test_both(formfunc, benchmark):
    benchmark(len, "")


class TestMethods(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _with(self, formfunc):
        self.formfunc = formfunc

    def test_method(self):
        self.formfunc(nn.Conv2d(3, 8, 3), torch.randn(1, 3, 32, 32))
'''
MEASURED = {
    "makes_its_mask", "adds_in_place", "sums", "sums_of_ones", "zeros", "takes_logarithms", "attends",
    "hides_infinities", "scales", "ranks", "normalises", "bfloat16", "double", "numpy_input",
}  # fmt: skip
SENTENCES = {
    "growing": "native gets slower from call to call",
    "counts": "native answers differently each time: two calls on copies of one input do not agree, because its buffer "
    "'number_of_calls' changes from call to call",
    "drops": "native answers differently each time",
    "structured": "an object of a class of its own is among its inputs or outputs",
    "constant": "native ignores its input: it gives the same output, to 1e-06, for 4 different inputs, the example and "
    "others that we drew like it",
}


@pytest.fixture(scope="module")
def field(tmp_path_factory, artifact_cache):
    """One run of all of them; ``said`` is each failed test's sentence."""
    project = Project(tmp_path_factory.mktemp("field"), artifact_cache)
    project.write("pytest.ini", "[pytest]\n")
    project.write("test_nets.py", NETS)
    project.outcome = project.measure("--benchmark-json=out.json", "--junitxml=junit.xml", fresh=True)
    project.said = {
        name.replace("openvino-", "").replace("[openvino]", ""): text for name, text in project.failures().items()
    }
    return project


@pytest.mark.parametrize("name", sorted(MEASURED))
def test_an_ordinary_network_is_measured(field, name):
    """As it is, on the input as given."""
    assert f"test_net[{name}]" not in field.said, field.said[f"test_net[{name}]"]
    assert (f"test_nets.py::test_net[{name}]", "openvino") in field.records("out.json")


@pytest.mark.parametrize("name", sorted(SENTENCES))
def test_another_says_what_is_so_and_of_whom(field, name):
    """The engine is not blamed for what native does."""
    said = field.said[f"test_net[{name}]"]
    assert SENTENCES[name] in said
    assert "\n" not in said


def test_complex_outputs_are_compared_as_complex_or_refused(field):
    """Never by their real part alone."""
    said = field.said.get("test_net[transforms]", "")
    assert not said or "it has no rule for aten._fft" in said, said


def test_named_arguments_and_others(field):
    """They are part of the calls; another shape is refused with both."""
    assert "test_named" not in field.said
    assert (
        "input 1 of others must have the shapes, types and names of the example: it has 2x8 float32, and the "
        in (field.said["test_other_shape"])
    )


def test_the_fixture_may_be_used_in_unusual_ways(field):
    """A unittest method measures; beside benchmark there is a sentence; a test that never calls it is named."""
    assert ("test_nets.py::TestMethods::test_method", "openvino") in field.records("out.json"), field.outcome.text
    assert "takes both formfunc and benchmark" in field.said["test_both"]
    assert "never called, so nothing was measured: test_nets.py::test_never_called" in " ".join(
        field.outcome.text.split()
    )


def test_a_method_cannot_be_repeated_for_several_backends(project):
    """One sentence, of that test alone."""
    project.write(
        "test_method.py",
        NETS.partition("torch.manual_seed(0)")[0]
        + NETS[NETS.index("class TestMethods") :]
        + "\n\ndef test_plain():\n    pass\n",
    )
    outcome = project.pytest("--formfunc-backends", "openvino,onnxruntime", "--junitxml=junit.xml")
    assert "1 passed, 1 error" in outcome.text, outcome.text
    assert "cannot repeat a method of a unittest.TestCase" in " ".join(outcome.text.split())


def test_a_test_that_never_calls_is_red_where_strict(project):
    """Nothing was judged."""
    project.write("test_nothing.py", "def test_nothing(formfunc):\n    pass\n")
    outcome = project.pytest("--formfunc-strict", "--junitxml=junit.xml")
    assert outcome.code == 1, outcome.text
    assert "never called it, so nothing was measured, which --formfunc-strict does not pass" in outcome.text


def test_models_that_no_test_takes_are_wrong_usage(project):
    """They would be measured by nobody."""
    project.write("test_own.py", "def test_own(formfunc):\n    pass\n")
    outcome = project.pytest("--formfunc-model", "nets:build")
    assert outcome.code == 4, outcome.text
    assert "no test here takes --formfunc-model nets:build" in outcome.text
