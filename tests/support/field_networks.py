"""A test file of networks that once had a wrong figure or a wrong sentence, for tests and for a bench."""

REMEMBERS = '''
class Remembers(nn.Module):
    """Writes its output where torch.export does not look, and reads it again."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.last = nn.Parameter(torch.zeros(1, 8), requires_grad=False)

    def forward(self, x):
        y = self.layer(x)
        self.last.data = y.detach()
        return y + self.last
'''

NETS = (
    '''
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


class SetsThreads(nn.Module):
    """Sets the number of threads when it is made."""

    def __init__(self):
        super().__init__()
        torch.set_num_threads(1)
        self.layer = nn.Conv2d(3, 8, 3)

    def forward(self, x):
        return self.layer(x).relu()


class IsDeterministic(nn.Module):
    """Changes settings of the whole process, as its code wants them."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def __setstate__(self, state):
        self.__dict__.update(state)
        torch.use_deterministic_algorithms(True)
        torch.set_float32_matmul_precision("medium")

    def forward(self, x):
        return self.layer(x)


class HasTwoScales(nn.Module):
    """Returns large numbers and small ones, which eight bits over both would lose."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 32, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.box, self.score = nn.Linear(32, 8), nn.Linear(32, 8)

    def forward(self, x):
        found = self.features(x)
        return {"boxes": self.box(found) * 1e4 + 3e4, "scores": self.score(found * 1e-3 + 1.0)}


class UsesAutocast(nn.Module):
    """Computes in bfloat16 inside, and takes and returns float32."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(64, 64), nn.Linear(64, 64)

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.second(self.first(x).relu()).float()


class RoundsItsOutput(nn.Module):
    """Computes in float32 and returns bfloat16."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 64)

    def forward(self, x):
        return self.layer(x).bfloat16()


class StartsProcesses(nn.Module):
    """Leaves a process behind, which outlives the one that it was made in."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def __setstate__(self, state):
        self.__dict__.update(state)
        import subprocess

        subprocess.Popen(["sleep", "86397"], start_new_session=True)

    def forward(self, x):
        return self.layer(x)


class Encodes(nn.Module):
    """Masks what is still to come."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 1)

    def forward(self, x):
        return self.encoder(x, nn.Transformer.generate_square_subsequent_mask(x.shape[1]))


class TakesAWord(nn.Module):
    """Is told in words what to do."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x, how):
        return self.layer(x).mean(1) if how == "mean" else self.layer(x).sum(1)


class Branches(nn.Module):
    """Goes one of two ways by what is in its input."""

    def forward(self, x):
        return x * 2 if x.mean() > 0 else x


class Amplifies(nn.Module):
    """A chaotic network: after so many steps a rounding has become all there is."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 64)
        nn.init.normal_(self.layer.weight, std=0.4)

    def forward(self, x):
        for _ in range(40):
            x = torch.tanh(self.layer(x))
        return x


'''
    + REMEMBERS
    + '''


class IsPicky(nn.Module):
    """Takes numbers that grow, as its example does, and no others."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(16, 4)

    def forward(self, x):
        return self.layer((x[:, 1:] - x[:, :-1]).sqrt())


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
    "lazy_linear": (nn.LazyLinear(4), torch.randn(1, 8)),
    "sets_threads": (SetsThreads(), torch.randn(1, 3, 32, 32)),
    "is_deterministic": (IsDeterministic(), torch.randn(1, 8)),
    "two_scales": (HasTwoScales(), torch.randn(1, 3, 64, 64)),
    "compiled": (torch.compile(nn.Sequential(nn.Linear(16, 16), nn.ReLU())), torch.randn(1, 16)),
    "scripted": (torch.jit.script(nn.Linear(8, 8)), torch.randn(1, 8)),
    "quantised": (
        torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(16, 16), nn.ReLU()), {nn.Linear}),
        torch.randn(1, 16),
    ),
    "uses_autocast": (UsesAutocast(), torch.randn(4, 64)),
    "rounds_its_output": (RoundsItsOutput(), torch.randn(4, 64)),
    "starts_processes": (StartsProcesses(), torch.randn(1, 8)),
    "encodes": (Encodes().eval(), torch.randn(1, 6, 16)),
    "takes_a_word": (TakesAWord(), (torch.randn(1, 8), "mean")),
    "remembers": (Remembers(), torch.randn(1, 8)),
    "is_picky": (IsPicky(), torch.rand(1, 17).cumsum(1)),
    "amplifies": (Amplifies(), torch.randn(1, 64)),
    "branches": (Branches(), torch.randn(1, 8)),
}


@pytest.mark.parametrize("name", CASES)
def test_net(formfunc, name):
    formfunc(*CASES[name])


def test_named(formfunc):
    formfunc(Named(), torch.randn(1, 8), kwargs={"scale": torch.tensor(2.0)}, others=[torch.randn(1, 8)])


def test_other_shape(formfunc):
    formfunc(nn.Linear(8, 8), torch.randn(1, 8), others=[torch.randn(2, 8)])


@pytest.fixture(scope="module")
def measured_once(formfunc):
    return formfunc(nn.Linear(8, 8), torch.randn(1, 8))


def test_wide_scope(measured_once):
    assert measured_once.speedup


@pytest.fixture(scope="module")
def model():
    return nn.Linear(8, 8)


def test_model_of_wide_scope(formfunc, model):
    formfunc(model, torch.ones(1, 8))


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
)
