"""A user's own models on the real engines: by fixture, by name, with single axes of the matrix, and faulty ones."""

import pytest
from support.project import MATRIX, Project

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
    assert result.speedup_memory_kept.low <= result.speedup_memory_kept.value <= result.speedup_memory_kept.high
    assert result.process_range.low <= result.speedup.value <= result.process_range.high
    assert not result.contended
    assert result.native.speedup is None
    assert result.latency.median > 0
    assert result.parity.ok

@pytest.mark.formfunc(min_speedup=999_999)
def test_floor(formfunc):
    formfunc(nn.Conv2d(32, 32, 3), torch.randn(1, 32, 64, 64))

def test_twice(formfunc):
    formfunc(nn.Linear(8, 8), torch.randn(4, 8))
    formfunc(nn.Linear(8, 8), torch.randn(4, 8))

def test_no_model(formfunc):
    formfunc(3, torch.randn(4, 8))

def test_no_input(formfunc):
    formfunc(nn.Linear(8, 8))

def test_no_tensor(formfunc):
    formfunc(nn.Linear(8, 8), [1, 2])

def test_no_fit(formfunc):
    formfunc(nn.Linear(8, 8), torch.randn(4, 9))
"""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory, artifact_cache):
    """One run of them all; ``said`` is each failed test's sentence."""
    project = Project(tmp_path_factory.mktemp("faulty"), artifact_cache)
    project.write("pytest.ini", "[pytest]\n")
    project.write("test_nets.py", FAULTS)
    project.outcome = project.measure(
        "--formfunc-timeout", "30s", "--benchmark-json=out.json", "--junitxml=junit.xml", fresh=True,
        env={"GITHUB_ACTIONS": "true"},
    )  # fmt: skip
    project.said = {
        name.replace("openvino-", "").replace("[openvino]", ""): text for name, text in project.failures().items()
    }
    return project


def test_a_faulty_model_fails_its_own_test_and_no_other(faulty):
    """Raising, NaN, constant, disagreeing, dying and hanging models give one sentence each; the good one is saved."""
    assert faulty.outcome.code == 1
    assert "12 failed, 1 passed" in faulty.outcome.text, faulty.outcome.text
    assert "Traceback" not in faulty.outcome.text
    assert "During handling of" not in faulty.outcome.text
    for kind, sentence in {
        "Raises": "the model raises ValueError: boom in forward",
        "ReturnsNaN": "native returns NaN (64 of 64 values)",
        "IgnoresInput": "native ignores its input",
        "Disagrees": "native answers differently each time",
        "Dies": "ended unexpectedly (exit code 3)",
        "Hangs": "did not answer within 30s (--formfunc-timeout) and was killed",
    }.items():
        assert sentence in faulty.said[f"test_model[{kind}]"]
        assert "\n" not in faulty.said[f"test_model[{kind}]"]
        assert f"-{kind}] - Failed: {faulty.said[f'test_model[{kind}]'][8:14]}" in faulty.outcome.text  # in the summary
    saved = {case for case, _ in faulty.records("out.json")}
    assert saved == {"test_nets.py::test_model[Good]", "test_nets.py::test_floor", "test_nets.py::test_twice"}


def test_on_github_each_case_that_is_not_measured_is_annotated(faulty):
    """At its test's line in the file."""
    lines = [line for line in faulty.outcome.text.splitlines() if line.startswith("::error ")]
    text = (faulty.folder / "test_nets.py").read_text().splitlines()
    number = 1 + next(at for at, line in enumerate(text) if "def test_model" in line)
    decorated = {number - 1, number}
    for kind in ("Raises", "ReturnsNaN", "IgnoresInput", "Disagrees", "Dies", "Hangs"):
        (line,) = [line for line in lines if f"[{kind}] on openvino" in line]
        assert line.startswith("::error file=test_nets.py,line=")
        assert int(line.partition("line=")[2].partition(",")[0]) in decorated


def test_a_speedup_surely_below_the_floor_fails(faulty):
    """min_speedup is judged by the interval, which a busy machine makes wide, so the floor here is far above it."""
    assert "below the min_speedup of 999999x" in faulty.said["test_floor"]


@pytest.mark.parametrize(
    ("test", "sentence"),
    [
        ("test_twice", "was called twice in one test"),  # a test has one row in the table
        ("test_no_model", "not int"),
        ("test_no_input", "needs the model's example input"),
        ("test_no_tensor", "needs the model's example input"),
        ("test_no_fit", "the model raises RuntimeError"),
    ],
)
def test_wrong_use_of_the_fixture_is_one_sentence(faulty, test, sentence):
    """This holds for a second call, for something other than a model, a missing input, and one that does not fit."""
    assert sentence in faulty.said[test]
    assert "\n" not in faulty.said[test]


NETS = """
from torch import nn

def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))

def number():
    return 7
"""


def test_a_users_model_by_name(project):
    """--formfunc-model measures a user's factories instead of the patterns; one that gives no model says why."""
    project.write("nets.py", NETS)
    project.write("test_forms.py", MATRIX)
    faults = {
        "nowhere:build": "does not import",
        "nets:other": "has no 'other'",
        "nets:number": "must return a torch.nn.Module",
    }
    models = ",".join(["nets:build", *faults])
    outcome = project.measure("--formfunc-model", models, "--benchmark-json=out.json", "--junitxml=junit.xml")
    assert outcome.code == 1, outcome.text
    assert "6 failed, 2 passed" in outcome.text
    assert "Traceback" not in outcome.text
    assert set(project.records("out.json")) == {("nets:build-1x3x32x32", name) for name in ("native", "openvino")}
    said = project.failures()
    for target, sentence in faults.items():
        assert sentence in said[f"test_form[{target}-1x3x32x32-openvino]"]


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
