"""Which package of an upgrade lost the speedup: real engines in real environments, judged by their graphs."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from support.distributions import install, make_environment
from support.project import git, users_environment

import pytest_formfunc
from pytest_formfunc.errors import BadInput
from pytest_formfunc.revisions import package_bisect
from pytest_formfunc.revisions.packages import read_environment
from pytest_formfunc.revisions.search_mode import SEARCH_VARIABLE

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


class Runs:
    """Stands for pytest's runs against mixed environments: which packages each loss comes from is known here.

    Attributes:
        causes: for each test, the packages of version 1.0 that have to be in an environment for the loss to be seen.
        broken: packages with which, of version 1.0, nothing imports.
        interrupted: number of the run that Ctrl-C comes in.
        tests: which tests each run was about.
    """

    def __init__(self, causes, broken=(), interrupted=0):
        self.causes, self.broken, self.interrupted, self.tests = causes, set(broken), interrupted, []

    def __call__(self, command, folder, environment):
        given = dict(one.split("=", 1) for one in command if "=" in one)
        packages = next(Path(given["--formfunc-against-env"]).glob("lib/python*/site-packages"))
        old = {path.name.partition("-")[0] for path in packages.glob("*-1.0.dist-info")}
        self.tests.append(json.loads(Path(environment[SEARCH_VARIABLE]).read_text()))
        if len(self.tests) == self.interrupted:
            raise KeyboardInterrupt
        if self.broken & old:
            return 4, f"ERROR: formfunc: backend 'openvino' cannot be used in {given['--formfunc-against-env']}"
        records = []
        for test in self.tests[-1]:
            status = "regressed" if set(self.causes[test]) <= old else "unchanged"
            reason = f"{test} changed against HEAD with the packages of {given['--formfunc-against-env']}"
            records.append({"case": test, "backend": "openvino", "verdict": {"status": status, "reason": reason}})
        Path(given["--formfunc-report"]).write_text(json.dumps(records))
        return 1, ""


@pytest.fixture
def find(nets, tmp_path, monkeypatch):
    """Search in environments whose packages a, b, c, d and openvino differ; return sentences, progress and the runs."""
    old, new = (make_environment(tmp_path / name, linked=False) for name in ("old-env", "new-env"))
    for name in ("a", "b", "c", "d", "openvino"):
        install(old, name, "1.0", {f"{name}.py": "VALUE = 1\n"})
        install(new, name, "2.0", {f"{name}.py": "VALUE = 2\n"})

    def read(python, folder):
        return read_environment(str(new / "bin" / "python") if folder == "this environment" else python, folder)

    def searched(causes, most=package_bisect.MOST_COMPARISONS, **faults):
        runs, said = Runs(causes, **faults), []
        monkeypatch.setattr(package_bisect, "read_environment", read)
        monkeypatch.setattr(package_bisect, "run_pytest", runs)
        monkeypatch.setattr(package_bisect, "MOST_COMPARISONS", most)
        upgrade = package_bisect.Upgrade(str(old), "HEAD", (), nets.folder, nets.folder)
        losses = [package_bisect.Loss((test, "openvino"), test, 0.5) for test in causes]
        return package_bisect.find_packages(upgrade, losses, said.append), said, runs

    return searched


def test_the_engine_is_tried_first_and_alone(find):
    found, said, runs = find({"t": ["openvino"]})
    assert len(runs.tests) == 1
    assert found.sentences == [
        "openvino 1.0 -> 2.0 lost it: t changed against HEAD with the packages of this environment with openvino 1.0"
    ]
    assert "the loss is seen" in said[-1]


def test_losses_of_one_package_are_explained_together_and_others_by_themselves(find):
    """A step is about the clearest loss alone; then its package is tried with all others."""
    found, _, runs = find({"t": ["c"], "u": ["c"], "v": ["openvino"]})
    first, second = found.sentences
    assert first.startswith("c 1.0 -> 2.0 lost it: t changed")
    assert first.endswith("; so it is with u on openvino")
    assert second.startswith("openvino 1.0 -> 2.0 lost it: v changed")
    assert runs.tests[0] == ["t"]
    assert ["u", "v"] in runs.tests


def test_several_packages_together_are_said_to_be_needed_together(find):
    found, _, _ = find({"t": ["b", "d"]})
    (sentence,) = found.sentences
    assert "b 1.0 -> 2.0 and d 1.0 -> 2.0 lost it together, and no single one of them: t changed" in sentence


def test_a_package_with_which_nothing_imports_stays_a_suspect(find):
    """The progress says why a mix cannot be judged, and names it by its packages."""
    found, said, _ = find({"t": ["b"]}, broken=["b"])
    (sentence,) = found.sentences
    assert sentence.startswith("t on openvino: ")
    assert "b 1.0 -> 2.0" in sentence
    assert "a 1.0 -> 2.0" not in sentence
    assert any("cannot be judged (ERROR: formfunc: backend 'openvino' cannot be used in this environment with" in line
               for line in said)  # fmt: skip


@pytest.mark.parametrize("number", [1, 2, 3])
def test_ctrl_c_ends_the_search_with_what_is_known(find, number):
    found, _, runs = find({"t": ["c"], "u": ["a"]}, interrupted=number)
    assert len(runs.tests) == number
    assert "before the search was interrupted" in found.sentences[0]
    assert ("openvino 1.0" in found.sentences[0]) == (number == 1)
    assert found.sentences[1] == "not looked into: u on openvino"


def test_there_are_only_so_many_comparisons(find):
    found, _, runs = find({"t": ["c"]}, most=2)
    assert len(runs.tests) == 2
    assert "could not be told apart in 2 comparisons" in found.sentences[0]


def test_what_the_code_lost_is_no_packages(find, nets):
    """Where it differs too, the same packages on both sides are looked at first, for all losses together."""
    nets.write("test_net.py", f"{NETWORK}# changed\n")
    found, _, runs = find({"t": ["openvino"], "u": []})
    first, second = found.sentences
    assert first.startswith("no package lost it: with the same packages, u changed")
    assert second.startswith("openvino 1.0 -> 2.0 lost it: t changed")
    assert runs.tests == [["t", "u"], ["t"]]


def test_the_command_refuses_where_nothing_was_lost(find, nets, tmp_path, monkeypatch):
    find({"t": ["a"]})
    monkeypatch.setattr(package_bisect, "run_pytest", lambda command, folder, environment: (0, ""))
    fine = [{"case": "t", "backend": "openvino", "verdict": {"status": "improved"}}]
    monkeypatch.setattr(package_bisect, "read_judged", lambda report: fine)
    upgrade = package_bisect.Upgrade(str(tmp_path / "old-env"), "HEAD", (), nets.folder, nets.folder)
    with pytest.raises(BadInput, match=r"no speedup was lost against .*old-env \(verdicts: improved\)"):
        package_bisect.bisect_packages(upgrade, print)


@pytest.mark.engine
def test_a_red_run_names_the_package(nets, environments):
    """Of three that differ. Verdicts, exit code and failed tests are as they were, and the reports have the answer."""
    done = run(nets, environments["new"], "pytest", *options(nets), f"--formfunc-against-env={environments['old']}",
               "-p", "no:cacheprovider", "--formfunc-report=out.md", "--junitxml=junit.xml")  # fmt: skip
    text = " ".join(done.stdout.split())
    assert done.returncode == 1, done.stdout + done.stderr
    assert "verdicts: 1 regressed, 1 unchanged" in text
    assert "slowlib 1.0 -> 2.0 lost it: test_net.py::test_net on openvino executes a worse graph than" in text
    assert "than this environment with slowlib 1.0: kernels executed" in text
    looked = [line.rpartition(": ")[2] for line in done.stdout.splitlines() if ": against this environment" in line]
    assert looked == ["no loss", "no loss", "the loss is seen"]
    assert "2.0 lost it: " in (nets.folder / "out.md").read_text()
    assert len(nets.failures()) == 1
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
