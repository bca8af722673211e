"""The steps of the actions and workflows, run in bash on a repository made for it, with pull requests red and green."""

import json
import shutil
import sys
import zipfile

import pytest
import yaml
from support.project import git
from support.source import ROOT, linked_environment

pytestmark = pytest.mark.engine
INSTALL = ("Install",)  # it was run before the first test
GRAPH = "--formfunc-gate=graph"  # what the engine executes, without timing: noise has no part in these tests
TEST = """
import torch
from net import build


def test_speedup(formfunc):
    torch.manual_seed(0)
    formfunc(build(), torch.randn(1, 3, 32, 32))


def test_of_words():
    assert build() is not None
"""
NET = """
from torch import nn


def build():
    return nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""


@pytest.fixture
def clone(tmp_path):
    """A clone whose remote has a network, its test and a workflow on main; a branch `change` is checked out."""
    remote = tmp_path / "remote"
    remote.mkdir()
    (remote / "net.py").write_text(NET)
    (remote / "test_speedup.py").write_text(TEST)
    (remote / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    git(remote, "init", "-q", "-b", "main")
    git(remote, "config", "receive.denyCurrentBranch", "ignore")
    git(remote, "add", "-A")
    git(remote, "commit", "-qm", "one")
    git(tmp_path, "clone", "-q", str(remote), "clone")
    git(tmp_path / "clone", "checkout", "-q", "-b", "change")
    return tmp_path / "clone"


def change(clone, old, new):
    path = clone / "net.py"
    path.write_text(path.read_text().replace(old, new))
    git(clone, "commit", "-qam", f"{new} in place of {old}")


def event(job, path, name, content):
    path.write_text(json.dumps(content))
    job.environment |= {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path)}
    return job


PULL_REQUEST = {"pull_request": {"number": 3, "base": {"ref": "main", "sha": "0" * 40}}}


@pytest.fixture
def pull_request(job, clone, tmp_path):
    """Begin the job of a pull request from the branch."""
    return lambda: event(job(clone), tmp_path / "event.json", "pull_request", PULL_REQUEST)


def test_a_loss_is_red_and_a_change_of_words_is_green(clone, pull_request, source):
    """With summary, annotation, outputs, and an artifact that holds the report and the raw data."""
    change(clone, "nn.Sequential(", "nn.Sequential(  # in this order\n        ")
    green = pull_request()
    outputs = green.action(source / "action.yml", options=GRAPH, install="--quiet")
    assert not green.failed, green.text
    assert "1 skipped" in green.text  # no tests were named: those that do not measure have a job of their own
    assert outputs["outcome"] == "passed"
    assert (outputs["regressed"], outputs["compared"]) == ("0", "1")
    assert outputs["base"] == git(clone, "rev-parse", "main")
    assert "none of 1 judged rows regressed" in green.summary
    assert "::error" not in green.text

    change(clone, "nn.ReLU()", "nn.Softsign(), nn.Hardswish()")
    red = pull_request()
    outputs = red.action(source / "action.yml", without=INSTALL, tests="test_speedup.py", options=GRAPH)
    assert (red.failed, red.code) == ("Measure base and head side by side, and judge", 1), red.text
    assert outputs["outcome"] == "failed"
    assert outputs["regressed"] == "1"
    assert "1 of 1 judged rows regressed" in red.summary
    assert "::error file=test_speedup.py,line=6,title=" in red.text
    used = dict(red.used)
    (upload,) = [given for name, given in used.items() if "upload-artifact" in name]
    assert upload["name"] == "formfunc"
    held = {path.name for path in (clone / upload["path"]).iterdir()}
    assert held >= {"run.jsonl", "report.html", "report.md", "report.json", "junit.xml"}
    keys = [given["key"] for name, given in red.used if "cache" in name]
    assert len(keys) == 2  # brought back, and kept though the gate is red
    assert keys[0] == keys[1]
    assert keys[0].startswith("formfunc-")
    assert git(clone, "status", "--porcelain") == ""  # what the action leaves is not for a commit


@pytest.mark.parametrize(
    ("name", "content", "inputs", "says"),
    [
        ("schedule", {"schedule": "0 0 * * *"}, {}, "the event 'schedule' has no base to compare with"),
        ("workflow_dispatch", {"inputs": None}, {}, "the event 'workflow_dispatch' has no base to compare with"),
        ("push", {"before": "2" * 40}, {}, "this repository has no such revision"),
        ("pull_request", {"pull_request": {}}, {}, "the event 'pull_request' does not say what to compare with"),
        ("pull_request", PULL_REQUEST, {"base": "HEAD"}, "there is no change to compare"),
        ("pull_request", {"pull_request": {"base": {"ref": "a\x00b"}}}, {}, "git cannot be given such a name"),
        ("pull_request", {"pull_request": {"base": {"ref": "--output=x"}}}, {}, "has no such revision"),
        ("pull_request", PULL_REQUEST, {"base": "v9"}, "base v9: this repository has no such revision"),
        ("pull_request", PULL_REQUEST, {"tests": "test_gone.py"}, "there is no file or folder 'test_gone.py'"),
        ("pull_request", PULL_REQUEST, {"tests": "'"}, "is not what a shell could read"),
        ("pull_request", PULL_REQUEST, {"tests": "test_speedup.py", "models": "plain"}, "give one of them"),
        ("pull_request", PULL_REQUEST, {"models": "plain,resnet5"}, "there is no network 'resnet5'"),
    ],
)  # fmt: skip
def test_bad_input_is_a_sentence(clone, job, source, tmp_path, name, content, inputs, says):
    """With pytest's exit code for wrong usage, before anything is measured."""
    change(clone, "16, 3", "16, 3, padding=0")
    one = event(job(clone), tmp_path / "event.json", name, content)
    one.action(source / "action.yml", without=INSTALL, **inputs)
    assert one.code == 4, one.text
    assert says in " ".join(one.text.split())
    assert "Traceback" not in one.text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("push", {"before": "FIRST", "repository": {"default_branch": "main"}}),
        ("push", {"before": "0" * 40, "repository": {"default_branch": "main"}}),
        ("merge_group", {"merge_group": {"base_sha": "FIRST"}}),
        ("pull_request", {"pull_request": {"base": {"ref": "main"}, "head": {"repo": {"fork": True}}}}),
    ],
)
def test_each_event_has_its_base(clone, name, content, tmp_path, monkeypatch):
    """A push: the commit before it; a new branch, a pull request and a fork's: where it left the other branch."""
    from pytest_formfunc.cli.events import base_commit

    first = git(clone, "rev-parse", "HEAD")
    change(clone, "16, 3", "16, 3, padding=0")
    git(clone, "branch", "-D", "main")  # a job's checkout has no local branches
    (tmp_path / "event.json").write_text(json.dumps(content).replace("FIRST", first))
    variables = {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(tmp_path / "event.json")}
    assert base_commit("", variables, clone) == first


def test_tests_that_need_a_package_that_the_base_lacks(clone, pull_request, source):
    """What the base cannot import is not compared, and said, by name; a strict gate is red for it."""
    (clone / "net.py").write_text("import a_new_package\n" + NET)
    git(clone, "commit", "-qam", "needs a package")
    git(clone, "push", "-q", "origin", "HEAD:main")
    git(clone, "fetch", "-q")
    change(clone, "import a_new_package\n", "")
    one = pull_request()
    outputs = one.action(source / "action.yml", without=INSTALL, tests="test_speedup.py", options=GRAPH)
    assert outputs["outcome"] == "failed"
    assert "No module named 'a_new_package'" in " ".join(one.text.split())


def test_a_folder_of_somebody_else_is_left_alone(clone, pull_request, source):
    """The files of a gate go into a folder that it made; an own package of that name stays as it is."""
    change(clone, "16, 3", "16, 3, padding=0")
    (clone / "formfunc").mkdir()
    (clone / "formfunc" / "report.md").write_text("mine")
    one = pull_request()
    one.action(source / "action.yml", without=INSTALL, tests="test_speedup.py")
    assert one.code == 4
    assert "--out formfunc is a folder with other files" in one.text
    assert (clone / "formfunc" / "report.md").read_text() == "mine"


def test_the_first_test_is_new_and_may_be_accepted(clone, pull_request, source):
    """A strict gate compares everything; what the base does not have is named, and passes where it is accepted."""
    path = clone / "test_another.py"
    path.write_text(TEST.replace("test_speedup", "test_another"))
    git(clone, "add", "-A")
    git(clone, "commit", "-qm", "another test")
    one = pull_request()
    outputs = one.action(source / "action.yml", without=INSTALL, tests="test_another.py", options=GRAPH)
    assert (one.code, outputs["compared"]) == (1, "0"), one.text
    assert "has no such test" in " ".join(one.text.split())
    accepted = pull_request()
    given = {"tests": "test_another.py", "options": GRAPH, "accept": "test_another.py*"}
    outputs = accepted.action(source / "action.yml", without=INSTALL, **given)
    assert (accepted.code, outputs["outcome"]) == (0, "passed"), accepted.text


def test_parts_are_judged_as_one(clone, pull_request, source, tmp_path):
    """A matrix of two jobs measures, each leaves an artifact of its own, and one job judges: the loss is in one part."""
    models = {"models": "plain,net:build", "options": f"{GRAPH} --formfunc-depths=1 --formfunc-widths=8"}
    change(clone, "nn.ReLU()", "nn.Softsign(), nn.Hardswish()")
    artifacts = []
    for part in ("1/2", "2/2"):
        one = pull_request()
        one.action(source / "action.yml", without=INSTALL, shard=part, **models)
        assert not one.failed, one.text  # a part is not red for a verdict
        assert one.summary == ""
        (given,) = [given for name, given in one.used if "upload-artifact" in name]
        shutil.copytree(clone / given["path"], tmp_path / given["name"])
        artifacts.append(given["name"])
    assert artifacts == ["formfunc-part-1", "formfunc-part-2"]
    empty = pull_request()  # more machines than cases
    empty.action(source / "action.yml", without=INSTALL, shard="9/9", **models)
    assert not empty.failed, empty.text
    assert "part 9/9 has no case" in empty.text
    merging = pull_request()
    merging.folder = tmp_path / "merging"
    for name in artifacts:
        shutil.copytree(tmp_path / name, merging.folder / "formfunc-parts" / name)
    merging.action(source / "merge" / "action.yml")
    assert (merging.failed, merging.code) == ("Judge", 1), merging.text
    assert "regressed" in merging.summary
    assert "net:build-1x3x32x32 on openvino executes a worse graph" in merging.summary
    assert (merging.folder / "formfunc" / "report.html").is_file()

    lost = pull_request()  # one machine is lost: its artifact is alone, and download-artifact makes no folder for it
    lost.folder = tmp_path / "lost"
    shutil.copytree(tmp_path / artifacts[0], lost.folder / "formfunc-parts")
    lost.action(source / "merge" / "action.yml", without=INSTALL)
    assert lost.code == 1
    assert "part 2/2 is missing" in lost.summary

    none = pull_request()
    none.folder = tmp_path / "none"
    (none.folder / "formfunc-parts").mkdir(parents=True)
    none.action(source / "merge" / "action.yml", without=INSTALL)
    assert none.code == 4
    assert "no part has left a journal" in none.text


def job_steps(workflow, name, *, only=()):
    steps = yaml.safe_load((ROOT / ".github" / "workflows" / workflow).read_text())["jobs"][name]["steps"]
    return [step for step in steps if not only or step.get("name") in only]


def test_the_baseline_is_measured_saved_and_shown_with_its_history(job, tmp_path):
    """After a run that a cache has brought back; only the newest fifty stay."""
    (tmp_path / "main").mkdir()
    one = job(tmp_path / "main", sha="2" * 40)
    machine = f"Linux-CPython-{sys.version_info[0]}.{sys.version_info[1]}-64bit"
    old = tmp_path / "main" / ".benchmarks" / machine / "0001_old.json"
    old.parent.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "data" / "saved-by-commit-d1608b6.json", old)
    one.environment["PYTEST_ADDOPTS"] += " --formfunc-patterns=plain --formfunc-widths=8"
    one.steps([step for step in job_steps("baseline.yml", "baseline") if step.get("name") != "Install"])
    assert not one.failed, one.text
    assert sorted(path.name for path in old.parent.iterdir()) == ["0001_old.json", f"0002_{'2' * 40}.json"]
    assert "plain-d8-w8" in one.summary
    assert "smallest loss seen" in one.summary


def test_a_release_is_built_tried_and_not_published_under_another_name(source, job, tmp_path):
    """The tag has to be the package's version; the wheel is tried as its users would."""
    import pytest_formfunc

    git(source, "init", "-q", "-b", "main")
    git(source, "add", "-A")
    git(source, "commit", "-qm", "one")
    build = job(source, ref_name=f"v{pytest_formfunc.__version__}")
    build.steps(job_steps("release.yml", "build", only=("Build",)))
    assert not build.failed, build.text
    (wheel,) = (source / "dist").glob("*.whl")
    assert any(name.endswith("suite/forms.py") for name in zipfile.ZipFile(wheel).namelist())
    wrong = job(source, ref_name="v9.9.9")
    wrong.steps(job_steps("release.yml", "build", only=("Build",)))
    assert wrong.code == 1
    assert "the tag is v9.9.9" in wrong.text
    tried = job(tmp_path / "try")
    tried.folder.mkdir()
    shutil.copytree(source / "dist", tried.folder / "dist")
    tried.environment["PATH"] = f"{linked_environment(tmp_path / 'empty') / 'bin'}:{tried.environment['PATH']}"
    tried.steps(job_steps("release.yml", "try", only=("The first hour, with the wheel",)))
    assert not tried.failed, tried.text
    assert tried.text.count("plain-d2-w64") >= 1
