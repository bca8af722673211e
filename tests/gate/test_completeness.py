"""If less was judged than was asked for, this is reported, and fails with --formfunc-strict; real engines."""

import json
import shutil

import pytest
from support.project import MATRIX, NET, OWN_TEST, Project, git, make_repository

from pytest_formfunc.backends import backend_entry

pytestmark = pytest.mark.engine
FORM = ("test_forms.py", "--formfunc-patterns", "pointwise", "--formfunc-depths", "1", "--formfunc-widths", "8")
BROAD = ("--formfunc-threshold", "99%")  # so that no busy moment of the machine is a change
QUIET_TEST = OWN_TEST.replace("print", "0 and print")
GRAPH = ("--formfunc-against", "v1", "--formfunc-gate", "graph")


@pytest.mark.parametrize("strict", [True, False])
def test_a_comparison_without_any_test_that_measures_is_refused_when_strict(repository, strict):
    """Other tests pass, but the comparison that was asked for must not pass with them."""
    repository.write("test_other.py", "def test_other():\n    pass\n")
    asked = ["--formfunc-against", "nonsense", "-k", "test_other", *(["--formfunc-strict"] if strict else [])]
    outcome = repository.measure(*asked)
    assert outcome.code == (4 if strict else 0), outcome.text
    assert ("no test that measures is left to make it (1 were deselected)" in outcome.text) == strict


def test_native_alone_compares_nothing(repository):
    """A comparison was asked for, but no accelerated backend is selected."""
    repository.write("test_forms.py", MATRIX)
    outcome = repository.measure(*GRAPH, *FORM, "--formfunc-backends", "native", "--formfunc-strict", "-rf", "-vv")
    assert outcome.code == 1, outcome.text
    assert "no test of an accelerated backend" in " ".join(outcome.text.split())


@pytest.fixture(scope="module")
def looked_again(tmp_path_factory, artifact_cache):
    """A run side by side with further looks, saved; on two backends where the processor has both."""
    project = make_repository(Project(tmp_path_factory.mktemp("looked_again"), artifact_cache))
    project.write("test_forms.py", MATRIX)
    project.backends = ["openvino"]
    if not backend_entry("openvino-bf16").engine_class()(1).why_unavailable():
        project.backends.append("openvino-bf16")
    project.outcome = project.measure(
        *FORM, "--formfunc-backends", ",".join(project.backends), "--formfunc-against", "v1", "--formfunc-threshold",
        "0.1%", "--formfunc-escalation", "2s", "--benchmark-json=out.json", "--benchmark-save=one",
        "--formfunc-report=final.json", fresh=True,
    )  # fmt: skip
    project.accelerated = {
        record["backend"]: record for record in project.records("out.json").values() if not record["native"]
    }
    return project


def test_a_second_look_at_one_backend_leaves_the_verdict_of_the_other(looked_again):
    """Both have a verdict at the end, whoever needed more launches."""
    if len(looked_again.backends) < 2:
        pytest.skip("openvino-bf16 needs a CPU with bf16")
    records = looked_again.accelerated.values()
    assert len(records) == 2
    assert max(one["verdict"]["looks"] for one in records) > 1
    assert "not judged" not in looked_again.outcome.text


def test_what_a_test_has_reported_does_not_change_later(looked_again):
    """Further looks at the second backend measure the first one's native too; its record stays what was saved."""
    final = json.loads((looked_again.folder / "final.json").read_text())
    assert len(final) == 1 + len(looked_again.backends)
    assert {(one["case"], one["backend"]): one for one in final} == looked_again.records("out.json")


def test_a_run_side_by_side_can_be_saved_and_compared_with(looked_again):
    """Further looks measure the accelerated side only: what is saved is of the rounds that native has too."""
    record = looked_again.accelerated["openvino"]
    assert record["verdict"]["looks"] > 1
    assert len(record["samples"]) == len(record["native_samples"]) < len(record["against"]["samples"])
    assert len(record["against"]["own_samples"]) == len(record["against"]["samples"])
    compared = looked_again.measure(*FORM, "--benchmark-compare", *BROAD)
    assert compared.code == 0, compared.text
    assert "compared with" in compared.text
    assert "Traceback" not in compared.text


def test_a_run_that_timed_nothing_is_no_baseline_for_one_that_does(repository):
    """The sentence says that it made a single call, and it does not count in the history of how speedups move."""
    repository.write("test_net.py", QUIET_TEST)
    assert repository.measure(*GRAPH, "--benchmark-save=one").code == 0
    compared = repository.measure("--benchmark-compare", "-rf", "-vv", "--formfunc-strict")
    assert compared.code == 1, compared.text
    assert "called it only once" in " ".join(compared.text.split())


def test_a_deleted_test_is_missing_when_strict(repository):
    """The other revision measured a model that no test here measures any more."""
    (repository.folder / "test_net.py").unlink()
    repository.write("test_forms.py", MATRIX)
    outcome = repository.measure(
        *FORM[1:], "--formfunc-against", "v1", "--formfunc-escalation", "1s", *BROAD, "--formfunc-strict", "-rf", "-vv"
    )
    assert outcome.code == 1, outcome.text
    assert "test_net.py::test_net on openvino is missing" in " ".join(outcome.text.split())


def test_a_revision_without_a_test_that_measures_has_nothing_to_compare_with(repository):
    """Its other tests are not run, and the test that came since is new."""
    (repository.folder / "test_net.py").unlink()
    repository.write("test_other.py", "import os\n\n\ndef test_other():\n    os._exit(3)\n")
    git(repository.folder, "add", "-A")
    git(repository.folder, "commit", "-qm", "no test that measures, and one that ends pytest")
    repository.write("test_other.py", "def test_other():\n    pass\n")
    repository.write("test_net.py", QUIET_TEST)
    outcome = repository.measure("--formfunc-against", "HEAD", "--formfunc-gate", "graph")
    assert outcome.code == 0, outcome.text
    assert "1 new" in outcome.text


def test_single_tests_that_are_named_are_compared_and_no_others_are_missing(repository):
    """The other tests of the file were left out on purpose."""
    repository.write("test_net.py", QUIET_TEST + QUIET_TEST.replace("test_net(", "test_other(").partition("\n\n\n")[2])
    git(repository.folder, "commit", "-qam", "two tests")
    outcome = repository.measure(
        "test_net.py::test_net", "--formfunc-against", "HEAD", "--formfunc-gate", "graph", "--formfunc-strict"
    )
    assert outcome.code == 0, outcome.text
    assert "1 unchanged" in outcome.text


def test_the_users_own_options_reach_the_other_revisions_tests(repository):
    """A model built from them is the same on both sides."""
    repository.write(
        "conftest.py",
        "def pytest_addoption(parser):\n    parser.addoption('--out', type=int, default=8)\n"
        "    parser.addoption('--times', type=int, default=1)\n",
    )
    own = QUIET_TEST.replace("def test_net(formfunc)", "def test_net(formfunc, request)").replace(
        "formfunc(Net()", "option = request.config.getoption\n    formfunc(Net(option('--times') * option('--out'))"
    ).replace("result = option", "option")  # fmt: skip
    repository.write("test_net.py", own)
    sized = NET.replace("def __init__(self)", "def __init__(self, out=8)").replace("{out}", "out")
    repository.write("src/mynets/net.py", sized)
    git(repository.folder, "add", "-A")
    git(repository.folder, "commit", "-qm", "sized")
    against_head = ("--formfunc-against", "HEAD", "--formfunc-gate", "graph")
    # A word that is a folder's name too is no path, and an option that ends a run early does not end the other one.
    odd = ("-k", "src or net", "-qx", "--cache-clear", "-p", "cacheprovider")
    for given, by_variable in ((("--out", "12", "--times=2", *odd), ""), ((), "--out=12 --times 2 --junitxml=a.xml")):
        outcome = repository.measure(*given, *against_head, env={"PYTEST_ADDOPTS": by_variable})
        assert outcome.code == 0, outcome.text
        assert "1 unchanged" in outcome.text


def test_code_of_the_users_own_tree_is_never_compared_as_the_other_revisions(repository):
    """Code adds the user's tree to the import path: not comparable, and the message names the module."""
    repository.write("lib/helper.py", "WIDTH = 8\n")
    head = f"import sys\n\nsys.path.insert(0, {str(repository.folder / 'lib')!r})\nimport helper\n"
    repository.write("src/mynets/net.py", head + NET.format(out="helper.WIDTH"))
    git(repository.folder, "add", "-A")
    git(repository.folder, "commit", "-qm", "helper")
    repository.write("test_forms.py", MATRIX)
    outcome = repository.measure(
        "--formfunc-against",
        "HEAD",
        "--formfunc-gate",
        "graph",
        "--formfunc-model",
        "mynets.net:build",
        "test_forms.py",
    )
    assert "1 not comparable" in outcome.text, outcome.text
    assert "module helper was imported from the working tree (lib/helper.py)" in " ".join(outcome.text.split())


NOTED = """
import pytest

@pytest.mark.parametrize("note", ["a"])
def test_form(formfunc, formfunc_case, formfunc_backend, note):
    formfunc(formfunc_case)
"""


@pytest.fixture(scope="module")
def noted(tmp_path_factory, artifact_cache):
    """A run of a test with parameters of its own, saved under the name main."""
    project = Project(tmp_path_factory.mktemp("noted"), artifact_cache)
    project.write("pytest.ini", "[pytest]\n")
    project.write("test_forms.py", NOTED)
    outcome = project.measure(*FORM, "--benchmark-save=main")
    assert outcome.code == 0, outcome.text
    return project


@pytest.fixture
def saved(noted, project):
    """A project of the test's own with what was saved; the path of that."""
    shutil.copytree(noted.folder, project.folder, dirs_exist_ok=True)
    (path,) = project.saved()
    return path


@pytest.mark.usefixtures("saved")
def test_a_case_in_a_test_with_further_parameters_is_compared(project):
    """It is booked under its own name: neither missing nor unjudged."""
    outcome = project.measure(*FORM, "--benchmark-compare", *BROAD)
    assert outcome.code == 0, outcome.text
    assert "verdicts: 1 " in outcome.text
    assert "missing" not in outcome.text
    assert "not judged" not in outcome.text
    project.write(
        "test_forms.py",
        "import pytest, torch\n\n\n@pytest.mark.parametrize('out', [2, 3])\ndef test_form(formfunc, formfunc_case, out):\n"
        "    formfunc(torch.nn.Linear(8, out), torch.randn(1, 8))\n",
    )
    own = project.measure(*FORM)
    assert own.code == 1
    assert own.text.count("leave formfunc_case out and parametrize what it is made from") >= 2


def test_the_last_five_runs_of_a_name_are_pooled_whatever_else_was_saved(project, saved):
    """Many other runs between them do not push them out."""
    for number in range(2, 31):
        name = "main" if number in (2, 3) else "other"
        (saved.parent / f"{number:04}_{name}.json").write_text(saved.read_text())
    outcome = project.measure(*FORM, "--formfunc-baseline", "main", *BROAD)
    assert outcome.code == 0, outcome.text
    assert "the mean of 3 saved runs named main" in outcome.text


def test_a_damaged_record_is_one_sentence(project, saved):
    """Samples that are no latencies, launches that do not match."""
    whole = saved.read_text()

    def damage(change):
        document = json.loads(whole)
        for entry in document["benchmarks"]:
            if not entry["extra_info"]["formfunc"]["native"]:
                change(entry["extra_info"]["formfunc"])
        saved.write_text(json.dumps(document))
        return project.measure(*FORM, "--benchmark-compare")

    for change in (
        lambda record: record["samples"][0].__setitem__(0, float("nan")),
        lambda record: record["samples"][0].__setitem__(0, 0.0),
        lambda record: record["native_samples"][0].__setitem__(0, -0.01),
        lambda record: record["native_samples"].pop(),
        lambda record: record.__setitem__("graph", "brgconv"),
        lambda record: record["host"].__setitem__("versions", "1"),
    ):
        outcome = damage(change)
        assert outcome.code == 4, outcome.text
        assert "has a damaged formfunc entry" in outcome.text
        assert "Traceback" not in outcome.text
