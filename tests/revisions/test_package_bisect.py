"""Which package of an upgrade lost the speedup: real engines in real environments, judged by their graphs."""

import os
import subprocess
from pathlib import Path

import pytest
from support.distributions import install, make_environment
from support.project import git, users_environment

import pytest_formfunc

NETWORK = """
import slowlib
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))

    def forward(self, x):
        return slowlib.soften(self.body(x)).mean((2, 3))


def test_net(formfunc):
    torch.manual_seed(0)
    formfunc(Net(), torch.randn(1, 3, 16, 16))


def test_other(formfunc):
    torch.manual_seed(0)
    formfunc(nn.Conv2d(3, 4, 3), torch.randn(1, 3, 16, 16))


def test_ordinary():
    pass
"""
FAST = "def soften(x):\n    return x\n"
SLOW = "import torch\n\n\ndef soften(x):\n    return x * torch.sort(x, dim=1).values.sin()\n"


@pytest.fixture(scope="module")
def environments(tmp_path_factory):
    """Environments, by name: of three packages that differ between old and new, one makes a network worse."""
    folder = tmp_path_factory.mktemp("environments")
    versions = {"old": ("1.0", "1.0", FAST), "almost": ("1.0", "2.0", FAST), "new": ("2.0", "2.0", SLOW)}
    versions["worse"] = ("3.0", "2.0", SLOW + "\n\nNOTE = 'as slow as before'\n")
    made = {name: make_environment(folder / name) for name in versions}
    for name, (own, others, text) in versions.items():
        install(made[name], "slowlib", own, {"slowlib/__init__.py": text})
        install(made[name], "innocent-one", others, {"shared/one.py": f"VALUE = {others}\n"})
        install(made[name], "innocent-two", others, {"shared/two.py": f"VALUE = {others}\n"})
    return {**made, "empty": make_environment(folder / "empty", linked=False)}


@pytest.fixture
def nets(project):
    """A user's repository with the network."""
    project.write("test_net.py", NETWORK)
    project.write(".gitignore", "__pycache__\n.formfunc_cache\n.benchmarks\n")
    git(project.folder, "init", "-q", "-b", "main")
    git(project.folder, "add", "-A")
    git(project.folder, "commit", "-qm", "one")
    return project


def run(project, environment, module, *args):
    """Run a module by an environment's Python, on this source tree."""
    sources = str(Path(pytest_formfunc.__file__).parents[1])
    variables = users_environment() | {"PYTHONPATH": sources, "COLUMNS": "200", "FORMFUNC_LOCK_FOLDER": os.environ["FORMFUNC_LOCK_FOLDER"]}  # fmt: skip
    return subprocess.run(
        [environment / "bin" / "python", "-m", module, *args],
        cwd=project.folder, env=variables, capture_output=True, text=True, check=False, timeout=400,
    )  # fmt: skip


def options(project):
    return ("--formfunc-gate=graph", "--formfunc-threads=1", "--formfunc-servers=3",
            f"--formfunc-cache-dir={project.cache}")  # fmt: skip


@pytest.mark.engine
def test_a_red_run_names_the_package_and_what_is_no_packages(nets, environments):
    """Of three that differ; where the code differs too, the same packages on both sides are looked at first.

    Verdicts, exit code and failed tests are as they were, and the reports have the answers.
    """
    worse = NETWORK.replace("nn.Conv2d(3, 4, 3)", "nn.Sequential(nn.Conv2d(3, 4, 3), nn.Softmax(1), nn.Flatten())")
    nets.write("test_net.py", worse)
    done = run(nets, environments["new"], "pytest", *options(nets), f"--formfunc-against-env={environments['old']}",
               "-p", "no:cacheprovider", "--formfunc-report=out.md", "--junitxml=junit.xml")  # fmt: skip
    text = " ".join(done.stdout.split())
    assert done.returncode == 1, done.stdout + done.stderr
    assert "verdicts: 2 regressed" in text
    assert "no package lost it: with the same packages, test_net.py::test_other on openvino" in text
    assert "slowlib 1.0 -> 2.0 lost it: test_net.py::test_net on openvino executes a worse graph than" in text
    assert "with the packages of this environment with slowlib 1.0" in text
    assert "looking for the package that lost it: against this environment with slowlib 1.0: the loss is seen" in text
    assert "2.0 lost it: " in (nets.folder / "out.md").read_text()
    assert len(nets.failures()) == 2
    assert len(git(nets.folder, "worktree", "list").splitlines()) == 1


@pytest.mark.engine
def test_the_command_says_at_once_which_is_the_only_package_that_differs(nets, environments):
    """It exits 0 with the answer in its last line."""
    almost, new = environments["almost"], environments["new"]
    done = run(nets, new, "pytest_formfunc.cli", "bisect-packages", str(almost), "--", *options(nets))
    assert done.returncode == 0, done.stdout + done.stderr
    said = f"slowlib 1.0 -> 2.0 lost it: nothing else differs from the packages of {almost}"
    assert done.stdout.splitlines() == [f"comparing with all packages of {almost} (1 differ)", said]


@pytest.mark.engine
@pytest.mark.parametrize(
    ("there", "sentence"),
    [
        ("new", "are those of this environment: nothing to search"),
        ("worse", "no speedup was lost against"),
        ("nowhere", "nowhere is no virtual environment"),
        ("empty", "nothing was compared with"),
    ],
)
def test_without_a_loss_there_is_nothing_to_search(nets, environments, there, sentence):
    """One sentence, and the exit code of wrong usage."""
    new = environments["new"]
    named = environments.get(there, new.parent / there)
    done = run(nets, new, "pytest_formfunc.cli", "bisect-packages", str(named), "--", *options(nets))
    assert done.returncode == 4, done.stdout + done.stderr
    assert sentence in done.stderr
