"""A user's own models on the real engines: by fixture, by name, with single axes of the matrix, and faulty ones."""

import pytest

pytestmark = pytest.mark.engine

FAULTS = """
import os, time
import pytest, torch
from torch import nn

class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(8, 8)

class Good(Base):
    def forward(self, x):
        return self.layer(x)

class Raises(Base):
    def forward(self, x):
        raise ValueError("boom in forward")

class ReturnsNaN(Base):
    def forward(self, x):
        return self.layer(x) * float("nan")

class IgnoresInput(Base):
    def forward(self, x):
        return self.layer.weight + 0 * x.sum()

class Disagrees(Base):
    def forward(self, x):
        return self.layer(x) + torch.rand(8, 8)

class Dies(Base):
    def forward(self, x):
        os._exit(3)

class Hangs(Base):
    def forward(self, x):
        time.sleep(600)

@pytest.mark.parametrize("kind", [Good, Raises, ReturnsNaN, IgnoresInput, Disagrees, Dies, Hangs])
def test_model(formfunc, kind):
    result = formfunc(kind(), torch.randn(8, 8))
    assert result.speedup.low <= result.speedup.value <= result.speedup.high
    assert result.latency.median > 0
    assert result.parity.ok
"""


@pytest.mark.alone
def test_a_faulty_model_fails_its_own_test_and_no_other(project):
    """Raising, NaN, constant, disagreeing, dying and hanging models give one sentence each; the good one is saved."""
    project.write("test_nets.py", FAULTS)
    outcome = project.measure("--formfunc-timeout", "12s", "--benchmark-json", "out.json")
    assert "6 failed, 1 passed" in outcome.text, outcome.text
    assert outcome.code == 1
    assert "Traceback" not in outcome.text
    for kind, sentence in {
        "Raises": "the model raises ValueError: boom in forward",
        "ReturnsNaN": "native returns NaN or infinity (64 of 64 values)",
        "IgnoresInput": "native ignores its input",
        "Disagrees": "disagrees with native: SQNR",
        "Dies": "ended unexpectedly (exit code 3)",
        "Hangs": "did not answer within 12s (--formfunc-timeout) and was killed",
    }.items():
        said = [line for line in outcome.text.splitlines() if f"[{kind}]" in line and sentence in line]
        assert said, f"{kind}: {outcome.text}"
    assert set(project.records("out.json")) == {("test_nets.py::test_model[Good]", "openvino")}


def test_a_users_model_by_name(project):
    """--formfunc-model measures a user's factory instead of the patterns."""
    project.write(
        "nets.py",
        "from torch import nn\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))\n",
    )
    project.write(
        "test_forms.py",
        "def test_form(formfunc, formfunc_case, formfunc_backend):\n    formfunc(formfunc_case)\n",
    )
    outcome = project.measure("--formfunc-model", "nets:build", "--benchmark-json", "out.json")
    assert outcome.code == 0, outcome.text
    assert set(project.records("out.json")) == {("nets:build-1x3x32x32", name) for name in ("native", "openvino")}


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("nowhere:build", "does not import"),
        ("nets:other", "has no 'other'"),
        ("nets:number", "must return a torch.nn.Module"),
    ],
)
def test_a_factory_that_gives_no_model_fails_with_the_reason(project, target, sentence):
    """The message names what was looked for."""
    project.write("nets.py", "def number():\n    return 7\n")
    project.write(
        "test_forms.py",
        "def test_form(formfunc, formfunc_case, formfunc_backend):\n    formfunc(formfunc_case)\n",
    )
    outcome = project.measure("--formfunc-model", target)
    assert outcome.code == 1
    assert sentence in outcome.text
    assert "Traceback" not in outcome.text


def test_each_axis_can_be_used_alone(project):
    """A user's test may use patterns or depths for something else."""
    project.write(
        "test_axes.py",
        "def test_pattern(formfunc_pattern):\n    assert formfunc_pattern in ('plain', 'fire')\n"
        "def test_depth(formfunc_depth, formfunc_width):\n    assert (formfunc_depth, formfunc_width) in [(2, 16), (4, 16)]\n"
        "def test_backend(formfunc_backend):\n    assert formfunc_backend in ('native', 'openvino')\n"
        "def test_case(formfunc_case, formfunc_pattern, formfunc_depth):\n"
        "    assert formfunc_case.id.startswith(f'{formfunc_pattern}-d{formfunc_depth}-w16')\n",
    )
    outcome = project.pytest("--formfunc-patterns", "plain,fire", "--formfunc-depths", "2,4", "--formfunc-widths", "16")
    assert "10 passed" in outcome.text, outcome.text
    assert "formfunc ==" not in outcome.text


def test_a_speedup_surely_below_the_floor_fails(project):
    """min_speedup is judged by the interval, which a busy machine makes wide, so the floor here is far above it."""
    project.write(
        "test_nets.py",
        "import pytest, torch\nfrom torch import nn\n\n@pytest.mark.formfunc(min_speedup=999_999)\n"
        "def test_mine(formfunc):\n    formfunc(nn.Conv2d(32, 32, 3), torch.randn(1, 32, 64, 64))\n",
    )
    outcome = project.measure("--formfunc-budget", "4s")
    assert outcome.code == 1, outcome.text
    assert "below the min_speedup of 999999x" in outcome.text


def test_a_second_call_in_one_test_is_refused(project):
    """A test has one row in the table."""
    project.write(
        "test_nets.py",
        "import torch\nfrom torch import nn\n\ndef test_mine(formfunc):\n    formfunc(nn.Linear(8, 8), torch.randn(4, 8))\n"
        "    formfunc(nn.Linear(8, 8), torch.randn(4, 8))\n",
    )
    outcome = project.measure()
    assert outcome.code == 1
    assert "was called twice in one test" in outcome.text


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ("formfunc(3, torch.randn(4, 8))", "not int"),
        ("formfunc(nn.Linear(8, 8))", "needs the model's example input"),
        ("formfunc(nn.Linear(8, 8), [1, 2])", "needs the model's example input"),
        ("formfunc(nn.Linear(8, 8), torch.randn(4, 9))", "the model raises RuntimeError"),
    ],
)
def test_wrong_arguments_of_the_fixture_are_one_sentence(project, call, sentence):
    """This holds for something other than a model, a missing input, and one that does not fit."""
    project.write("test_nets.py", f"import torch\nfrom torch import nn\n\ndef test_mine(formfunc):\n    {call}\n")
    outcome = project.measure()
    assert outcome.code == 1
    assert sentence in outcome.text
    assert "Traceback" not in outcome.text
