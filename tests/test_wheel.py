"""The wheel, built and installed in an environment of its own: measuring, beginning and gating without a clone."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.project import git, users_environment
from support.source import copy_source, linked_environment, tracked

pytestmark = pytest.mark.engine
PIP = [sys.executable, "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel as a release does, from the files that git has."""
    folder = tmp_path_factory.mktemp("wheel")
    (folder / "source").mkdir()
    source = copy_source(folder / "source")
    done = subprocess.run(
        [*PIP, "wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", folder, source],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """An empty environment with the wheel, and with the libraries of this one, which take minutes to install."""
    folder = linked_environment(tmp_path_factory.mktemp("environment") / "venv")
    done = subprocess.run(
        [*PIP, "--python", folder / "bin" / "python", "install", "--no-deps", "--no-index", wheel],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class User:
    """Somebody with a repository, and with nothing of this one but the wheel."""

    def __init__(self, folder, environment, cache):
        self.folder, self.bin, self.cache = folder, environment / "bin", cache

    def __call__(self, *command, **variables):
        path = f"{self.bin}:{users_environment()['PATH']}"
        small = (
            "--formfunc-threads=1 --formfunc-input=1x3x32x32 --formfunc-budget=300ms --formfunc-precision=20% "
            f"--formfunc-servers=3 --formfunc-cache-dir={self.cache}"
        )
        return subprocess.run(
            [self.bin / command[0], *command[1:]], cwd=self.folder, capture_output=True, text=True, check=False, timeout=240,
            env=users_environment() | {"PATH": path, "PYTEST_ADDOPTS": small, "COLUMNS": "100"} | variables,
        )  # fmt: skip


@pytest.fixture
def user(tmp_path, environment, artifact_cache):
    (tmp_path / "repository").mkdir()
    return User(tmp_path / "repository", environment, artifact_cache)


def test_it_holds_the_package_and_nothing_else(wheel):
    """Every file of the package, the ones that are no Python among them; no tests and no benches."""
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {name.partition("/")[0] for name in held} == {"pytest_formfunc", f"{wheel.name.split('-py3')[0]}.dist-info"}
    assert set(tracked("pytest_formfunc")) <= held


def test_patterns_are_measured_without_a_clone(user):
    """The package that runs is the wheel's, not the one of this checkout."""
    done = user("pytest-formfunc", "run", "plain", "--depths", "1", "--widths", "8", "--benchmark-json=out.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_forms.py .." in done.stdout
    assert "plain-d1-w8-1x3x32x32" in done.stdout
    where = user("python", "-c", "import pytest_formfunc; print(pytest_formfunc.__file__)")
    assert Path(where.stdout).is_relative_to(user.bin.parent)


def test_the_first_hour(user):
    """Begin a repository, commit, measure; a change that loses a fusion turns the gate red, one of words does not."""
    git(user.folder, "init", "-q", "-b", "main")
    begun = user("pytest-formfunc", "init")
    assert begun.returncode == 0, begun.stderr
    assert (user.folder / ".github" / "workflows" / "speedup.yml").is_file()
    first = user("pytest", "test_speedup.py")
    assert first.returncode == 0, first.stdout
    assert "test_speedup.py::test_speedup" in first.stdout
    git(user.folder, "add", "-A")
    git(user.folder, "commit", "-qm", "one")
    assert git(user.folder, "ls-files").split() == [".github/workflows/speedup.yml", "pytest.ini", "test_speedup.py"]
    test = user.folder / "test_speedup.py"
    test.write_text(test.read_text().replace("whether a change", "if a change"))
    graph = ("--options", "--formfunc-gate=graph")  # the kernels, so that noise has no part in this test
    green = user("pytest-formfunc", "gate", "--base", "HEAD", *graph)
    assert green.returncode == 0, green.stdout + green.stderr
    assert green.stdout.splitlines()[-1] == "the gate has passed: 0 regressed of 1 compared"
    test.write_text(test.read_text().replace("nn.ReLU(),\n        nn.Adaptive", "nn.Softsign(),\n        nn.Adaptive"))
    red = user("pytest-formfunc", "gate", "--base", "HEAD", *graph)
    assert red.returncode == 1, red.stdout + red.stderr
    assert red.stdout.splitlines()[-1] == "the gate has failed: 1 regressed of 1 compared"
