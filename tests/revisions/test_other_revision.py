"""Side by side with another revision, as a user does it: real git, real engines, small networks.

These tests check messages and what is left behind; `bench/test_gate_quality.py` checks how well it judges.
"""

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.project import MATRIX, NET, OWN_TEST, git, heed_ctrl_c

import pytest_formfunc

PACKAGE = Path(pytest_formfunc.__file__).parent
BEFORE_THE_FOLDERS = "6cacabd90f37"  # the last commit before modules moved into the present folders
pytestmark = pytest.mark.engine
LIGHT = ("--formfunc-escalation", "1s", "--formfunc-threshold", "50%")


def left_behind(project):
    """Return what a run left behind in the repository: additional worktrees, and changed files."""
    trees = git(project.folder, "worktree", "list").splitlines()[1:]
    return trees + git(project.folder, "status", "--porcelain").splitlines()


@pytest.mark.alone
def test_a_users_own_test_is_compared_with_the_other_revisions_model(repository):
    """The other revision's model is made by its code; the sentence says how kernels and operators differ."""
    repository.write("src/mynets/net.py", NET.format(out=8).replace("nn.ReLU()", "nn.ReLU(), nn.Conv2d(16, 16, 1)"))
    outcome = repository.measure("--formfunc-against", "v1", "-s", "--benchmark-json=out.json", *LIGHT)
    assert outcome.code == 0, outcome.text
    sentence = outcome.text[outcome.text.index("VERDICT") :].splitlines()[0]
    assert "against v1 (" in sentence
    assert "operators changed: conv2d 2 -> 3" in sentence
    assert re.search(r"MACs 1\.\d+M -> 1\.\d+M", sentence)
    assert "side by side: the working tree, with uncommitted changes against v1" in " ".join(outcome.text.split())
    record = repository.records("out.json")["test_net.py::test_net", "openvino"]
    assert record["verdict"]["looks"] >= 1
    assert record["verdict"]["change"]["low"] < record["verdict"]["change"]["high"]
    assert record["against"]["commit"] == git(repository.folder, "rev-parse", "v1")
    assert len(record["against"]["samples"]) >= len(record["against"]["native_samples"]) >= 2
    assert record["against"]["speedup"]["low"] < record["against"]["speedup"]["high"]
    (repository.folder / "out.json").unlink()
    assert left_behind(repository) == ["M src/mynets/net.py"]


@pytest.mark.alone
def test_unchanged_code_runs_the_same_graph_and_says_so(repository):
    """Names of layers do not matter."""
    renamed = NET.format(out=8).replace("self.body", "self.trunk")
    repository.write("src/mynets/net.py", renamed)
    outcome = repository.measure("--formfunc-against", "v1", "-s", *LIGHT)
    assert outcome.code == 0, outcome.text
    assert "the engine executes the same kernels" in outcome.text
    assert "operators changed" not in outcome.text


@pytest.mark.alone
def test_a_factory_is_compared_and_its_loss_fails(repository):
    """A planted loss on this side fails the test with one sentence, without a traceback."""
    factory = ["--formfunc-model", "mynets.net:build"]
    repository.write("test_forms.py", MATRIX)
    outcome = repository.measure(
        *factory, "test_forms.py", "--formfunc-against", "v1", "--formfunc-plant", "openvino=300%", "-rf", "-vv",
        "--formfunc-threshold", "20%", "--formfunc-escalation", "5s", "--formfunc-budget", "2s",
    )  # fmt: skip
    assert outcome.code == 1, outcome.text
    assert "Traceback" not in outcome.text
    assert re.search(
        r"mynets\.net:build-1x3x32x32 on openvino lost speedup against v1 \(\w{10}\): .* there, .* here, a change of "
        r".*\(threshold 20%\); openvino .* ms, slower.*the same kernels as before, so it took 4 times the evidence",
        " ".join(outcome.text.split()),
    )  # fmt: skip
    assert left_behind(repository) == ["?? test_forms.py"]


@pytest.mark.alone
def test_what_only_one_revision_has_is_new_or_missing(repository):
    """Both are listed, and fail only when strict."""
    repository.write("test_net.py", OWN_TEST.replace("test_net(", "test_renamed("))
    outcome = repository.measure("--formfunc-against", "v1", *LIGHT)
    assert outcome.code == 0, outcome.text
    assert "new: test_net.py::test_renamed on openvino" in outcome.text
    assert "missing: test_net.py::test_net" in outcome.text
    strict = repository.measure("--formfunc-against", "v1", "--formfunc-strict", *LIGHT)
    assert strict.code == 1
    assert "2 failed" in strict.text
    assert "test_net.py::test_net is missing: v1" in " ".join(strict.text.split())


def test_a_file_with_both_kinds_of_test_has_a_counterpart_for_each(repository):
    """A test of the matrix at the end does not make the file's own model ``new``."""
    repository.write("test_net.py", OWN_TEST.replace("print", "0 and print") + MATRIX)
    outcome = repository.measure(
        "test_net.py", "--formfunc-against", "v1", "--formfunc-gate", "graph", "--formfunc-model", "mynets.net:build"
    )
    assert outcome.code == 0, outcome.text
    assert "2 unchanged" in outcome.text


def test_a_factory_that_the_other_revision_lacks_is_new(repository):
    """Its module or function was added since."""
    repository.write("test_forms.py", MATRIX)
    repository.write("src/mynets/late.py", NET.format(out=8))
    outcome = repository.measure("--formfunc-model", "mynets.late:build", "test_forms.py", "--formfunc-against", "v1")
    assert outcome.code == 0, outcome.text
    assert "new: mynets.late:build-1x3x32x32 on openvino" in outcome.text


@pytest.mark.parametrize("kind", ["factory", "own test"])
def test_a_revision_whose_code_does_not_import_is_reported_in_one_sentence(repository, kind):
    """The case is not comparable, with the error as the reason, and fails when strict."""
    repository.write("src/mynets/net.py", "raise RuntimeError('half a commit')\n")
    git(repository.folder, "commit", "-qam", "broken")
    repository.write("src/mynets/net.py", NET.format(out=8))
    repository.write("test_forms.py", MATRIX)
    args = ["test_net.py"] if kind == "own test" else ["test_forms.py", "--formfunc-model", "mynets.net:build"]
    outcome = repository.measure(*args, "--formfunc-against", "HEAD", *LIGHT)
    assert outcome.code == 0, outcome.text
    assert "1 not comparable" in outcome.text
    assert "RuntimeError: half a commit" in " ".join(outcome.text.split())
    assert "Traceback" not in outcome.text
    strict = repository.measure(*args, "--formfunc-against", "HEAD", "--formfunc-strict", *LIGHT)
    assert strict.code == 1


@pytest.mark.parametrize(
    ("against", "sentence"),
    [
        ("nonsense", "--formfunc-against nonsense: this repository has no such revision"),
        ("v1..main", "this repository has no such revision"),
    ],
)
def test_a_revision_that_does_not_exist_is_wrong_usage(repository, against, sentence):
    """The exit code is 4, before anything is measured."""
    outcome = repository.measure("--formfunc-against", against)
    assert outcome.code == 4, outcome.text
    assert sentence in outcome.text
    assert "passed" not in outcome.text


def test_outside_of_a_repository_it_is_wrong_usage(bench):
    """The message is one sentence."""
    outcome = bench.measure("--formfunc-patterns", "pointwise", "--formfunc-against", "main")
    assert outcome.code == 4, outcome.text
    assert "--formfunc-against needs a git repository" in outcome.text


def test_two_comparisons_at_once_are_wrong_usage(repository):
    """A run is compared either side by side or with a saved run."""
    repository.write("test_net.py", OWN_TEST.replace("print", "0 and print"))
    assert repository.measure("--benchmark-autosave").code == 0
    outcome = repository.measure("--formfunc-against", "v1", "--benchmark-compare")
    assert outcome.code == 4, outcome.text
    assert "choose one of them" in outcome.text


UNFUSED = ("return self.body(x)", "x = self.body(x)\n        return (x * torch.sort(x, dim=1).values.sin())")


def test_the_graph_gate_fails_without_timing_and_ignores_a_renamed_layer(repository):
    """It names an operator that is not fused; names of layers do not matter."""
    repository.write("test_net.py", OWN_TEST.replace("print", "0 and print"))
    repository.write("src/mynets/net.py", NET.format(out=8).replace(*UNFUSED))
    red = repository.measure("--formfunc-against", "v1", "--formfunc-gate", "graph", "-rf", "-vv")
    assert red.code == 1, red.text
    text = " ".join(red.text.split())
    assert "test_net.py::test_net on openvino executes a worse graph than v1" in text
    assert "kernels executed" in text
    assert "sort 0 -> 1" in text
    repository.write("src/mynets/net.py", NET.format(out=8).replace("self.body", "self.trunk"))
    green = repository.measure("--formfunc-against", "v1", "--formfunc-gate", "graph", "--formfunc-strict")
    assert green.code == 0, green.text
    assert "1 unchanged" in green.text


@pytest.mark.parametrize(
    ("fail_on", "code"), [("loss", 0), ("inconclusive", 1), ("no-gain", 1), ("gain", 0), ("loss,no-gain", 1)]
)
def test_a_setting_determines_what_fails(repository, fail_on, code):
    """A graph that only timing can judge is inconclusive, which is shown and fails only if the user asks for that."""
    repository.write("test_net.py", OWN_TEST.replace("print", "0 and print"))
    repository.write("src/mynets/net.py", NET.format(out=8).replace("Conv2d(16, 8", "Conv2d(16, 9"))
    outcome = repository.measure("--formfunc-against", "v1", "--formfunc-gate", "graph", "--formfunc-fail-on", fail_on)
    assert "1 inconclusive" in outcome.text, outcome.text
    assert outcome.code == code


def test_strict_fails_if_less_was_judged_than_asked(repository):
    """This holds for skipped and deselected tests, and for a run in which nothing is timed."""
    second = OWN_TEST.replace("print", "0 and print").replace(
        "    torch.manual_seed(0)", "    import pytest; pytest.skip()"
    )
    repository.write("test_more.py", second.replace("test_net(", "test_skipped("))
    repository.write("test_net.py", OWN_TEST.replace("print", "0 and print"))
    graph = ("--formfunc-against", "v1", "--formfunc-gate", "graph")
    lenient = repository.measure(*graph)
    assert lenient.code == 0, lenient.text
    assert "not judged: test_more.py::test_skipped on openvino" in lenient.text
    strict = repository.measure(*graph, "--formfunc-strict", "-rf", "-vv")
    assert strict.code == 1
    text = " ".join(strict.text.split())
    assert "the comparison with v1" in text
    assert "1 of 2 have no verdict (test_more.py::test_skipped on openvino)" in text
    deselected = repository.measure(*graph, "--formfunc-strict", "-k", "test_net", "test_net.py", "test_more.py")
    assert "1 measuring tests were deselected" in " ".join(deselected.text.split())
    assert deselected.code == 1
    disabled = repository.measure("--formfunc-against", "v1", "--formfunc-strict", "--benchmark-disable", "test_net.py")
    assert disabled.code == 1
    assert "1 of 1 have no verdict" in " ".join(disabled.text.split())


@pytest.mark.alone
def test_a_latency_that_is_certainly_above_its_ceiling_fails(repository):
    """The ceiling of the marker is compared with the interval."""
    slow = OWN_TEST.replace("def test_net", "import pytest\n\n\n@pytest.mark.formfunc(max_latency='1us')\ndef test_net")
    repository.write("test_net.py", slow)
    outcome = repository.measure("-rf", "-vv")
    assert outcome.code == 1
    assert "above the max_latency of 0.001 ms" in " ".join(outcome.text.split())


@pytest.mark.alone
def test_nothing_is_left_behind_after_ctrl_c(repository):
    """The checkout is removed and the workers end with the run, however it ends."""
    repository.write("test_forms.py", MATRIX)
    process = subprocess.Popen(
        [
            sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_forms.py", "--formfunc-against", "v1",
            "--formfunc-model", "mynets.net:build", "--formfunc-budget", "60s", "--formfunc-precision", "0.1%",
            "--formfunc-input", "1x3x32x32", f"--formfunc-cache-dir={repository.cache}",
        ],
        cwd=repository.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=heed_ctrl_c,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while len(git(repository.folder, "worktree", "list").splitlines()) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(git(repository.folder, "worktree", "list").splitlines()) == 2
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 2, text
    assert left_behind(repository) == ["?? test_forms.py"]


@pytest.fixture
def own_repository(tmp_path, project):
    """A repository of this package's sources, whose tests measure the matrix with them."""
    repository = tmp_path / "plugin"
    shutil.copytree(PACKAGE, repository / "pytest_formfunc", ignore=shutil.ignore_patterns("__pycache__"))
    (repository / "test_forms.py").write_text(MATRIX)
    (repository / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    git(repository, "init", "-q", "-b", "main")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "one")
    project.folder = repository
    return project


def test_the_bundled_patterns_of_another_revision_are_its_own(own_repository):
    """In this plugin's own repository only the forms come from the other revision; all other code is this one's."""
    repository = own_repository.folder
    shared = repository / "pytest_formfunc" / "forms" / "block.py"
    text = shared.read_text()
    # The other revision's own run.py fails to import: only its forms are used.
    (repository / "pytest_formfunc" / "run.py").write_text("raise RuntimeError('the other harness')\n")
    shared.write_text(text.replace("partial(nn.ReLU, inplace=True)", "partial(nn.Hardswish, inplace=True)"))
    assert shared.read_text() != text
    git(repository, "commit", "-qam", "changed")
    shutil.copy(PACKAGE / "run.py", repository / "pytest_formfunc" / "run.py")
    shared.write_text(text)
    outcome = own_repository.measure(
        "--formfunc-patterns", "plain", "--formfunc-depths", "1", "--formfunc-widths", "16", "--formfunc-against",
        "HEAD", "--benchmark-json=out.json", *LIGHT, env={"PYTHONPATH": str(repository)},
    )  # fmt: skip
    assert outcome.code == 0, outcome.text
    record = own_repository.records("out.json")["plain-d1-w16-1x3x32x32", "openvino"]
    assert "operators changed: hardswish" in record["verdict"]["reason"]
    assert "relu_ 0 ->" in record["verdict"]["reason"]


def test_forms_of_a_revision_from_before_the_present_folders_still_run(own_repository):
    """The modules that `forms/` imports keep their names, so patterns and networks of an old revision can be built."""
    found = subprocess.run(
        ["git", "archive", BEFORE_THE_FOLDERS, "pytest_formfunc"], cwd=PACKAGE.parent, capture_output=True, check=False
    )
    if found.returncode:
        pytest.skip(f"this clone's history does not reach back to {BEFORE_THE_FOLDERS}")
    repository = own_repository.folder
    shutil.rmtree(repository / "pytest_formfunc")
    subprocess.run(["tar", "-x"], cwd=repository, input=found.stdout, check=True)
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "before the folders")
    git(repository, "checkout", "-q", "HEAD~1", "--", "pytest_formfunc")
    outcome = own_repository.measure(
        "--formfunc-patterns", "plain,attention,depthwise_separable", "--formfunc-architectures", "squeezenet1_1",
        "--formfunc-depths", "1", "--formfunc-widths", "32", "--formfunc-against", "HEAD", "--formfunc-gate", "graph",
        env={"PYTHONPATH": str(repository)},
    )  # fmt: skip
    assert outcome.code == 0, outcome.text
    assert "verdicts: 4 unchanged" in outcome.text
