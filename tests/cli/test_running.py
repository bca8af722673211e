"""`pytest-formfunc run`: names and options as pytest takes them, and the installed suite in a user's own folder."""

import pytest
from support.command import command
from support.project import git, make_repository

from pytest_formfunc.cli.running import SUITE, pytest_arguments
from pytest_formfunc.errors import BadInput

PATTERNS = """
from pytest_formfunc import PatternEntry


def pytest_formfunc_patterns(config):
    return [PatternEntry("strips", "strips:Strips")]
"""
STRIPS = """
from torch import nn
from pytest_formfunc.forms.block import Block


class Strips(Block):
    def __init__(self, channels, width):
        super().__init__(channels, width)
        self.across = nn.Conv2d(channels, width, (1, 7), padding=(0, 3))

    def forward(self, x):
        return self.across(x)

    @classmethod
    def count_params(cls, channels, width):
        return channels * width * 7 + width

    @classmethod
    def count_macs(cls, channels, width, height, width_px):
        return channels * width * 7 * height * width_px
"""
ONE = ("--formfunc-depths=1", "--formfunc-widths=8")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        (["plain"], ["--formfunc-patterns=plain"]),
        (["plain,fire", "residual"], ["--formfunc-patterns=plain,fire,residual"]),
        (["resnet50"], ["--formfunc-architectures=resnet50"]),
        (["nets:build(a=1, b='x,y')"], ["--formfunc-model=nets:build(a=1, b='x,y')"]),
        (["net.onnx", "plain"], ["--formfunc-patterns=plain", "--formfunc-model=net.onnx"]),
        (["--depths", "2,8", "plain"], ["--formfunc-depths", "2,8", "--formfunc-patterns=plain"]),
        (
            ["--depths=2", "--strict", "plain"],
            ["--formfunc-depths=2", "--formfunc-strict", "--formfunc-patterns=plain"],
        ),
        (["--formfunc-depths", "2", "plain"], ["--formfunc-depths", "2", "--formfunc-patterns=plain"]),
        (["plain", "-k", "native", "-x"], ["-k", "native", "-x", "--formfunc-patterns=plain"]),
        (["plain", "-n", "2", "--depths", "2"], ["-n", "2", "--formfunc-depths", "2", "--formfunc-patterns=plain"]),
        (["--list"], ["--formfunc-list"]),
        (["--depths"], ["--formfunc-depths"]),
        (["strips"], ["--formfunc-patterns=strips"]),  # a conftest.py may add it
    ],
)
def test_names_and_options_are_those_of_pytest(given, expected):
    assert pytest_arguments(given) == expected


@pytest.mark.parametrize("name", ["resnet5", "mobilenetv2"])
def test_a_name_that_resembles_a_network_is_refused(name):
    with pytest.raises(BadInput, match=rf"there is no network '{name}': did you mean "):
        pytest_arguments([name])


def test_the_help_has_every_option():
    done = command("run", "plain", "--help")
    assert done.code == 0
    assert "  --depths NUMBERS\n" in done.text
    assert max(map(len, done.text.splitlines())) <= 120


def test_a_name_behind_an_option_of_pytests_is_refused(project):
    """Where it might be that option's value it is not read as a name, and pytest would look for a file."""
    outcome = project.pytest(*SUITE, "plain")
    assert outcome.code == 4
    assert "'plain' stands behind an option of pytest" in " ".join(outcome.text.split())


@pytest.mark.engine
def test_the_folders_settings_and_conftest_hold_and_its_tests_stay_out(project):
    """Whatever the ini file says of where tests are and how they are named; a pattern of its conftest.py is measured."""
    project.write(
        "pytest.ini",
        "[pytest]\ntestpaths = checks\npython_files = check_*.py\npython_functions = check_*\npythonpath = .\n"
        "formfunc_backends = onnxruntime\n",
    )
    project.write("checks/check_a.py", "def check_a():\n    assert False\n")
    project.write("test_b.py", "def test_form():\n    assert False\n")
    project.write("conftest.py", PATTERNS)
    project.write("strips.py", STRIPS)
    outcome = project.measure(*SUITE, *pytest_arguments(["strips"]), *ONE, "--benchmark-json=out.json")
    assert outcome.code == 0, outcome.text
    assert set(project.records("out.json")) == {
        ("strips-d1-w8-1x3x32x32", "native"),
        ("strips-d1-w8-1x3x32x32", "onnxruntime"),
    }
    assert "test_forms.py .." in outcome.text


@pytest.mark.engine
def test_workers_of_xdist_measure_it(project):
    outcome = project.measure(*SUITE, *pytest_arguments(["plain"]), *ONE, "-n", "1", "--benchmark-json=out.json")
    assert outcome.code == 0, outcome.text
    assert len(project.records("out.json")) == 2


@pytest.mark.engine
def test_a_model_is_compared_with_another_revision(project):
    """As the files of `bench/` would: each side's own code, the same tests, strictly."""
    make_repository(project)
    net = project.folder / "src/mynets/net.py"
    net.write_text(net.read_text().replace("nn.ReLU()", "nn.Softsign(), nn.Hardswish()"))
    given = ["mynets.net:build", "--against", "HEAD", "--gate", "graph", "--strict"]
    outcome = project.measure(*SUITE, *pytest_arguments(given))
    assert outcome.code == 1, outcome.text
    assert "mynets.net:build-1x3x32x32 on openvino executes a worse graph than HEAD" in " ".join(outcome.text.split())
    git(project.folder, "commit", "-qam", "two")
    outcome = project.measure(*SUITE, *pytest_arguments(given))
    assert outcome.code == 0, outcome.text
