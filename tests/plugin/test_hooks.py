"""The plugin does not affect tests that do not measure, and it documents itself."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import measuring, wait_until

from pytest_formfunc.backends import backend_names
from pytest_formfunc.forms.patterns import pattern_names
from pytest_formfunc.option_specs import OPTIONS
from pytest_formfunc.plugin.xdist.roles import ALIVE_EVERY_S

HEAVY = ("torch", "openvino", "numpy", "cloudpickle", "pytest_formfunc.run", "pytest_formfunc.stats")


OWN = """
import pytest
import torch
from torch import nn


@pytest.mark.parametrize("out", [8, 9])
def test_own(formfunc, out):
    formfunc(nn.Sequential(nn.Conv2d(3, out, 3), nn.ReLU()), torch.randn(1, 3, 32, 32))
"""


@pytest.mark.parametrize(
    "args", [(), ("-p", "no:benchmark"), ("--collect-only",), ("--benchmark-autosave",), ("-n", "1")]
)
def test_a_plain_run_loads_nothing_heavy(project, args):
    """With the plugin installed, other tests run without torch, openvino or even numpy; so do xdist's processes.

    There it lasts until a worker has given a sign of life.
    """
    seconds = 1.2 * ALIVE_EVERY_S if "-n" in args else 0
    project.write(
        "conftest.py",
        "import sys\n\ndef pytest_unconfigure(config):\n    with open('loaded.txt', 'a') as file:\n"
        f"        print([name for name in {HEAVY} if name in sys.modules], file=file)\n",
    )
    project.write("test_other.py", f"import time\n\ndef test_one(tmp_path):\n    time.sleep({seconds})\n")
    outcome = project.pytest(*args, fresh=True, as_user=True)
    assert outcome.code == 0, outcome.text
    processes = 2 if "-n" in args else 1
    assert (project.folder / "loaded.txt").read_text() == "[]\n" * processes
    assert "formfunc ==" not in outcome.text


@pytest.mark.engine
def test_a_run_passes_with_strict_markers_and_warnings_as_errors(bench):
    """The marker is declared, and measuring raises no warning."""
    outcome = bench.measure(
        "--strict-markers", "--strict-config", "-W", "error", "--formfunc-patterns", "pointwise", "--formfunc-depths",
        "1", "--formfunc-widths", "8", fresh=True,
    )  # fmt: skip
    assert outcome.code == 0, outcome.text
    assert "warning" not in outcome.text


def test_every_option_is_in_the_help(project):
    """This holds for options and ini keys."""
    text = project.pytest("--help").text
    for spec in OPTIONS:
        assert f"--formfunc-{spec.name}" in text
        assert (f"formfunc_{spec.key} " in text) == spec.ini or f"formfunc_{spec.key}" in text
    assert "--formfunc-list" in text


def test_the_marker_is_documented(project):
    """pytest --markers explains its arguments."""
    text = project.pytest("--markers").text
    assert (
        "@pytest.mark.formfunc(architectures=[...], backends=[...], threshold='10%', min_speedup=2.0, max_latency='5ms', "
        in text
    )


def test_the_fixtures_are_documented(project):
    """pytest --fixtures has a line for each."""
    text = project.pytest("--fixtures").text
    for name in (
        "formfunc",
        "formfunc_case",
        "formfunc_pattern",
        "formfunc_depth",
        "formfunc_width",
        "formfunc_backend",
    ):
        assert f"\n{name} -- " in text


@pytest.mark.engine
def test_the_list_has_patterns_backends_and_this_machine(project):
    """--formfunc-list needs no tests and shows what can be measured here."""
    outcome = project.pytest("--formfunc-list")
    assert outcome.code == 0
    for name in (*pattern_names(), *backend_names()):
        assert f"\n  {name} " in outcome.text
    assert "this machine (fingerprint " in outcome.text
    assert "native           available" in outcome.text


@pytest.mark.engine
def test_the_list_names_the_extra_of_a_missing_backend(project):
    """A backend that cannot be used is listed with what to install."""
    project.write(
        "conftest.py",
        "import importlib.metadata as m\nreal = m.version\n"
        "def version(name):\n    if name == 'openvino':\n        raise m.PackageNotFoundError(name)\n    return real(name)\n"
        "m.version = version\n",
    )
    outcome = project.pytest("--formfunc-list")
    assert 'not available: openvino is not installed (pip install "pytest-formfunc[openvino]")' in outcome.text


@pytest.mark.engine
def test_ctrl_c_ends_every_worker_and_keeps_what_was_measured(bench):
    """Interrupted in the second group of cases: exit code 2, the first case is saved, no process is left."""
    bench.write("test_own.py", OWN)
    with bench.start(
        "-v", "test_own.py", "--formfunc-budget", "2s", "--formfunc-precision", "0.01%", "--benchmark-json", "out.json",
    ) as process:  # fmt: skip
        for line in process.stdout:
            if "test_own[openvino-8] PASSED" in line:
                break
        of_the_first_case = set(measuring(bench.folder))
        assert wait_until(lambda: set(measuring(bench.folder)) - of_the_first_case)  # the second case is under way
        os.killpg(process.pid, signal.SIGINT)
        text = process.stdout.read()
        assert process.wait(60) == 2, text
    assert "KeyboardInterrupt" in text
    assert wait_until(lambda: not measuring(bench.folder), 10)
    assert ("test_own.py::test_own[8]", "openvino") in bench.records("out.json")


INTERRUPTED = """
from pytest_formfunc.measure import rounds


def interrupted(self, planned, until_s):
    raise KeyboardInterrupt


rounds.LaunchRounds.make = interrupted
"""


@pytest.mark.engine
def test_ctrl_c_before_the_first_round_ended_is_no_error(bench):
    """The models have loaded and agree, and nothing was timed yet."""
    bench.write("conftest.py", INTERRUPTED)
    outcome = bench.measure("--formfunc-patterns", "pointwise", "--formfunc-depths", "1", "--formfunc-widths", "8")
    assert outcome.code == 2, outcome.text
    assert "KeyboardInterrupt" in outcome.text
    assert "Error" not in outcome.text
    assert "failed" not in outcome.text


def test_by_default_the_suite_is_the_matrix_without_the_experiments():
    """`pytest bench/` must not start an hour of experiments for docs/figures.md."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    suite = subprocess.run([*command, "bench"], cwd=root, capture_output=True, text=True, check=True)
    assert {line.partition("::")[0] for line in suite.stdout.splitlines() if "::" in line} == {"bench/test_forms.py"}
    named = subprocess.run([*command, "bench/test_fidelity.py"], cwd=root, capture_output=True, text=True, check=True)
    assert "bench/test_fidelity.py::" in named.stdout
