"""Side by side with another revision, as a user does it: real git, real engines, small networks.

These tests check messages and what is left behind; `bench/test_gate_quality.py` checks how well it judges.
"""

import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from support.processes import measuring, wait_until
from support.project import MATRIX, NET, Project, git, make_repository, own_test

import pytest_formfunc

PACKAGE = Path(pytest_formfunc.__file__).parent
BEFORE_THE_FOLDERS = "6cacabd90f37"  # the last commit before modules moved into the present folders
pytestmark = pytest.mark.engine
LIGHT = ("--formfunc-escalation", "1s", "--formfunc-threshold", "50%")
GRAPH = ("--formfunc-against", "v1", "--formfunc-gate", "graph")
SAME = NET.format(out=8)
RENAMED = SAME.replace("self.body", "self.trunk")
CHANGED = SAME.replace("nn.ReLU()", "nn.ReLU(), nn.Conv2d(16, 16, 1)")
UNFUSED = SAME.replace(
    "return self.body(x)", "x = self.body(x)\n        return (x * torch.sort(x, dim=1).values.sin())"
)
WIDER = SAME.replace("Conv2d(16, 8", "Conv2d(16, 9")
BROKEN = "raise RuntimeError('half a commit')\n"
# What a marker says that its test fails on; the first has none, and heeds the option.
FAIL_ON = {"option": None, "loss": ["loss"], "inconclusive": ["inconclusive"], "no_gain": ["no-gain"],
           "gain": ["gain"], "two": ["loss", "no-gain"]}  # fmt: skip
OPTION = ["loss", "inconclusive"]
STATUSES = {"renamed": "unchanged", "unfused": "regressed", "wider": "inconclusive", "broken": "not comparable",
            "late": "new"}  # fmt: skip
REDS = {"unchanged": {"no-gain"}, "regressed": {"loss", "no-gain"}, "inconclusive": {"inconclusive", "no-gain"}}


FLOOR = """
def test_floor(formfunc, formfunc_case):
    formfunc(formfunc_case)
"""


def left_behind(project):
    """Return what a run left behind in the repository: additional worktrees, and changed files."""
    trees = git(project.folder, "worktree", "list").splitlines()[1:]
    return trees + git(project.folder, "status", "--porcelain").splitlines()


def write_networks(project, **networks):
    for name, text in networks.items():
        project.write(f"src/mynets/{name}.py", text)


def matrix_tests(**fail_on):
    """Return a file with a test of the matrix for each, with its marker."""
    decorators = {name: f"@pytest.mark.formfunc(fail_on={kinds})" if kinds else "" for name, kinds in fail_on.items()}
    tests = [decorator + MATRIX.replace("test_form", f"test_{name}") for name, decorator in decorators.items()]
    return "import pytest\n\n" + "\n\n".join(tests)


def factories(*names):
    return ("--formfunc-model", ",".join(f"mynets.{name}:build" for name in names))


def of(name):
    return f"mynets.{name}:build-1x3x32x32"


@pytest.fixture(scope="module")
def by_graph(tmp_path_factory, artifact_cache):
    """A repository in which much has changed, compared once by the graph alone, and once more, strict, in part."""
    one = make_repository(Project(tmp_path_factory.mktemp("by_graph"), artifact_cache))
    write_networks(one, renamed=SAME, unfused=SAME, wider=SAME, broken=BROKEN)
    one.write("test_broken.py", own_test("broken"))
    one.write("test_both.py", own_test("renamed", "both") + MATRIX)
    one.write("test_gone.py", own_test("renamed", "gone"))
    one.write("test_skipped.py", "import pytest\n" + own_test("renamed", "skipped", "@pytest.mark.skip"))
    one.write("test_other.py", "import os\n\n\ndef test_other():\n    os._exit(3)\n")
    git(one.folder, "add", "-A")
    git(one.folder, "commit", "-qm", "all of it")
    git(one.folder, "tag", "-f", "v1")
    write_networks(one, net=UNFUSED, renamed=RENAMED, unfused=UNFUSED, wider=WIDER, broken=SAME, late=SAME)
    one.write("test_added.py", own_test("renamed", "added"))
    one.write("test_settings.py", matrix_tests(**FAIL_ON))
    one.write("test_floor.py", f"import pytest\n\n@pytest.mark.formfunc(min_speedup=1.1){FLOOR}")
    one.write("test_other.py", "def test_other():\n    pass\n")
    (one.folder / "test_gone.py").unlink()
    one.changed = left_behind(one)
    args = (*GRAPH, "-rf", "-vv", "--junitxml=junit.xml")
    one.lenient = one.measure(
        *args, *factories(*STATUSES), "--formfunc-fail-on", ",".join(OPTION), "--benchmark-json=out.json", fresh=True
    )
    one.lenient_failures = one.failures()
    one.verdicts = {key: made["verdict"] for key, made in one.records("out.json").items() if made.get("verdict")}
    one.strict = one.measure(
        *args, *factories("renamed", "broken", "late"), "--formfunc-strict", "-k", "not test_net and not test_settings"
    )
    one.strict_failures = one.failures()
    for name in ("junit.xml", "out.json"):
        (one.folder / name).unlink()
    return one


def test_what_executes_another_program_is_measured_first(by_graph):
    """``-x`` then stops at a loss sooner; the other tests, and those of other files, stay in their order."""
    ran = list(dict.fromkeys(re.findall(r"test_settings\.py::test_(\w+)\[mynets\.(\w+):", by_graph.lenient.text)))
    changed = [index for index, (_, network) in enumerate(ran) if network in ("unfused", "wider")]
    rest = [index for index, (_, network) in enumerate(ran) if network in ("renamed", "broken", "late")]
    assert (len(changed), len(rest)) == (2 * len(FAIL_ON), 3 * len(FAIL_ON))
    assert max(changed) < min(rest)
    assert [name for name, network in ran if network == "unfused"] == [*FAIL_ON]


def test_the_graph_gate_is_red_without_timing_and_ignores_a_renamed_layer(by_graph):
    """It is deterministic: it names an operator that does not fuse, and names of layers do not matter."""
    sentence = by_graph.lenient_failures["test_net[openvino]"]
    assert "test_net.py::test_net on openvino executes a worse graph than v1" in sentence
    assert "kernels executed" in sentence
    assert "sort 0 -> 1" in sentence
    for case in (of("renamed"), "test_both.py::test_both"):
        assert by_graph.verdicts[case, "openvino"]["status"] == "unchanged"
    assert by_graph.lenient.code == by_graph.strict.code == 1
    assert "Traceback" not in by_graph.lenient.text + by_graph.strict.text


def reds(marker, names=STATUSES):
    """Return the failures of one test of the matrix by the graph."""
    return {
        f"test_{marker}[mynets.{name}:build-1x3x32x32-openvino]"
        for name in names
        if REDS.get(STATUSES[name], set()) & set(FAIL_ON[marker] or OPTION)
    }


def test_what_fails_is_a_setting(by_graph):
    """The marker decides before the option. A graph that only timing can judge is inconclusive, and red where asked."""
    for name, status in STATUSES.items():
        assert by_graph.verdicts[of(name), "openvino"]["status"] == status
    for marker in FAIL_ON:
        found = {name for name in by_graph.lenient_failures if name.startswith(f"test_{marker}[")}
        assert found == reds(marker), marker
    assert "inconclusive" in by_graph.lenient.text


def test_what_only_one_revision_has_is_new_or_missing(by_graph):
    """It is listed, and red when strict; other tests of the other revision, which may do harm, did not run."""
    text = " ".join(by_graph.lenient.text.split())
    new = text.partition(" new: ")[2].partition(" missing: ")[0]
    for name in ("test_added.py::test_added", of("late")):  # a test and a module that came since
        assert f"{name} on openvino" in new
    assert " missing: test_gone.py::test_gone" in text
    failures = by_graph.strict_failures
    assert "is new, which --formfunc-strict does not pass" in failures["test_added[openvino]"]
    assert "is new" in failures[f"test_form[{of('late')}-openvino]"]
    assert (
        "test_gone.py::test_gone on openvino is missing: v1"
        in failures["formfunc-missing[test_gone.py::test_gone-openvino]"]
    )


def test_a_file_with_both_kinds_of_test_has_a_counterpart_for_each(by_graph):
    """Its last test being one of the matrix does not make its own model a new one."""
    for case in ("test_both.py::test_both", of("renamed")):
        assert by_graph.verdicts[case, "openvino"]["status"] == "unchanged"


@pytest.mark.parametrize(
    ("case", "name"),
    [
        (of("broken"), f"test_form[{of('broken')}-openvino]"),
        ("test_broken.py::test_broken", "test_broken[openvino]"),
    ],
    ids=["factory", "own test"],
)
def test_a_revision_whose_code_does_not_import_is_said_in_one_sentence(by_graph, case, name):
    """It is not comparable, with what it raised; red when strict."""
    verdict = by_graph.verdicts[case, "openvino"]
    assert verdict["status"] == "not comparable"
    assert "RuntimeError: half a commit" in verdict["reason"]
    assert name not in by_graph.lenient_failures
    assert "RuntimeError: half a commit" in by_graph.strict_failures[name]


def test_strict_is_red_where_less_was_judged_than_asked(by_graph, repository):
    """This holds for skipped and deselected tests, for rules that need timing, and for a run in which nothing is timed."""
    assert "not judged: test_skipped.py::test_skipped on openvino" in by_graph.lenient.text
    sentence = by_graph.strict_failures["formfunc-all-judged"]
    assert "the comparison with v1" in sentence
    # Four tests of models of their own, and three cases of the matrix, which two tests share.
    assert ": 1 of 7 have no verdict (test_skipped.py::test_skipped on openvino)" in sentence
    # test_net, and six tests of three cases on two backends.
    assert "37 measuring tests were deselected" in sentence
    assert "its min_speedup was not judged" in by_graph.strict_failures[f"test_floor[{of('renamed')}-openvino]"]
    repository.write("test_forms.py", MATRIX)
    disabled = repository.measure(
        "test_forms.py", "--formfunc-patterns", "pointwise", "--formfunc-depths", "1", "--formfunc-widths", "8",
        "--formfunc-against", "v1", "--formfunc-strict", "--benchmark-disable",
    )  # fmt: skip
    assert disabled.code == 1
    assert "1 of 1 have no verdict" in " ".join(disabled.text.split())


def test_nothing_else_is_red_and_nothing_is_left_behind(by_graph):
    """Exactly what the tests above name fails, and the user's tree is as it was."""
    by_option = {name.replace("option", test) for name in reds("option") for test in ("form", "floor")}
    assert set(by_graph.lenient_failures) == {
        "test_net[openvino]", *by_option, *(name for marker in FAIL_ON for name in reds(marker))
    }  # fmt: skip
    strict = {f"test_{test}[{of(name)}-openvino]" for test in ("form", "floor") for name in ("broken", "late")}
    assert set(by_graph.strict_failures) == {
        *strict, "test_added[openvino]", "test_broken[openvino]", f"test_floor[{of('renamed')}-openvino]", "formfunc-all-judged",
        "formfunc-missing[test_gone.py::test_gone-openvino]",
    }  # fmt: skip
    assert left_behind(by_graph) == by_graph.changed


@pytest.fixture(scope="module")
def by_time(tmp_path_factory, artifact_cache):
    """A repository with a changed network, an unchanged one, a new one and a broken one, compared by time."""
    one = make_repository(Project(tmp_path_factory.mktemp("by_time"), artifact_cache))
    write_networks(one, renamed=SAME, broken=BROKEN)
    one.write("test_renamed.py", own_test("renamed"))
    one.write("test_broken.py", own_test("broken", "broken"))
    one.write("test_gone.py", own_test("renamed", "gone"))
    git(one.folder, "add", "-A")
    git(one.folder, "commit", "-qm", "five")
    git(one.folder, "tag", "-f", "v1")
    write_networks(one, net=CHANGED, renamed=RENAMED, broken=SAME, late=SAME)
    one.write("test_forms.py", MATRIX)
    (one.folder / "test_gone.py").unlink()
    one.changed = left_behind(one)
    one.outcome = one.measure(
        "--formfunc-against", "v1", *factories("broken", "late"), "-s", "--benchmark-json=out.json", *LIGHT
    )
    assert one.outcome.code == 0, one.outcome.text
    one.found = one.records("out.json")
    (one.folder / "out.json").unlink()
    return one


def test_a_users_own_test_is_compared_with_the_other_revisions_model(by_time):
    """The other revision's model is that of its code: its kernels and operators differ, and the sentence says how."""
    (sentence,) = [line for line in by_time.outcome.text.splitlines() if "VERDICT test_net.py" in line]
    assert "against v1 (" in sentence
    assert "operators changed: conv2d 2 -> 3" in sentence
    assert re.search(r"MACs 1\.\d+M -> 1\.\d+M", sentence)
    text = " ".join(by_time.outcome.text.split())
    assert "side by side: the working tree, with uncommitted changes against v1" in text
    record = by_time.found["test_net.py::test_net", "openvino"]
    assert record["verdict"]["looks"] >= 1
    assert record["verdict"]["change"]["low"] < record["verdict"]["change"]["high"]
    assert record["against"]["commit"] == git(by_time.folder, "rev-parse", "v1")
    assert len(record["against"]["samples"]) >= len(record["against"]["native_samples"]) >= 2
    assert record["against"]["speedup"]["low"] < record["against"]["speedup"]["high"]
    assert left_behind(by_time) == by_time.changed


def test_unchanged_code_runs_the_same_graph_and_says_so(by_time):
    """Names of layers are no difference."""
    (sentence,) = [line for line in by_time.outcome.text.splitlines() if "VERDICT test_renamed.py" in line]
    assert "the engine executes the same kernels" in sentence
    assert "operators changed" not in sentence


def test_what_has_no_counterpart_is_listed_where_time_judges_too(by_time):
    """New, missing and broken ones do not fail, as by the graph."""
    assert f"new: {of('late')} on openvino" in by_time.outcome.text
    assert "missing: test_gone.py::test_gone" in by_time.outcome.text
    for case in ("test_broken.py::test_broken", of("broken")):
        verdict = by_time.found[case, "openvino"]["verdict"]
        assert verdict["status"] == "not comparable"
        assert "RuntimeError: half a commit" in verdict["reason"]


@pytest.mark.alone
def test_a_factory_is_compared_and_its_loss_fails(repository):
    """A planted loss on this side fails the test with one sentence, without a traceback."""
    factory = ["--formfunc-model", "mynets.net:build"]
    repository.write("test_forms.py", MATRIX)
    outcome = repository.measure(
        *factory, "test_forms.py", "--formfunc-against", "v1", "--formfunc-plant", "openvino=300%", "-rf", "-vv",
        "--formfunc-threshold", "20%", "--formfunc-escalation", "5s", "--formfunc-budget", "2s", "--formfunc-servers", "3",
    )  # fmt: skip
    assert outcome.code == 1, outcome.text
    assert "Traceback" not in outcome.text
    assert re.search(
        r"mynets\.net:build-1x3x32x32 on openvino lost speedup against v1 \(\w{10}\): .* there, .* here, a change of "
        r".*\(threshold 20%: such a loss fails nine times in ten where time suffices\); openvino .* ms, slower.*"
        r"the same kernels as before, so it took 4 times the evidence",
        " ".join(outcome.text.split()),
    )  # fmt: skip
    assert left_behind(repository) == ["?? test_forms.py"]


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
    """Side by side, or with a saved run."""
    repository.write("test_forms.py", MATRIX)
    forms = ("test_forms.py", "--formfunc-patterns", "pointwise", "--formfunc-depths", "1", "--formfunc-widths", "8")
    assert repository.measure(*forms, "--benchmark-autosave").code == 0
    outcome = repository.measure(*forms, "--formfunc-against", "v1", "--benchmark-compare")
    assert outcome.code == 4, outcome.text
    assert "choose one of them" in outcome.text


def test_a_ceiling_of_latency_that_is_surely_broken_fails(bench):
    """An absolute budget is the user's own, judged by the interval: three launches make it narrow on a busy machine too."""
    bench.write("test_forms.py", f"import pytest\n\n\n@pytest.mark.formfunc(max_latency='1us'){MATRIX}")
    outcome = bench.measure(
        "--formfunc-patterns", "pointwise", "--formfunc-depths", "1", "--formfunc-widths", "8", "--formfunc-budget", "10s",
        "-rf", "-vv",
    )  # fmt: skip
    assert outcome.code == 1
    assert "above the max_latency of 0.001 ms" in " ".join(outcome.text.split())


def test_nothing_stays_after_ctrl_c(repository):
    """The checkout and the workers go with the run, however it ends."""
    repository.write("test_forms.py", MATRIX)
    with repository.start(
        "test_forms.py", "--formfunc-against", "v1", "--formfunc-model", "mynets.net:build", "--formfunc-budget", "60s",
        "--formfunc-precision", "0.1%", "--formfunc-input", "1x3x32x32",
    ) as process:  # fmt: skip
        assert wait_until(lambda: len(measuring(repository.folder)) >= 3)  # a server and two workers, so it measures
        assert len(git(repository.folder, "worktree", "list").splitlines()) == 2
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=60)
    assert process.returncode == 2, text
    assert wait_until(lambda: not measuring(repository.folder), 10)
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
    # The other revision's own extensions.py fails to import: only its forms are used.
    (repository / "pytest_formfunc" / "extensions.py").write_text("raise RuntimeError('the other harness')\n")
    shared.write_text(text.replace("partial(nn.ReLU, inplace=True)", "partial(nn.Hardswish, inplace=True)"))
    assert shared.read_text() != text
    git(repository, "commit", "-qam", "changed")
    shutil.copy(PACKAGE / "extensions.py", repository / "pytest_formfunc" / "extensions.py")
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
