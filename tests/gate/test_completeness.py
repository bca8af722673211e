"""If less was judged than was asked for, this is reported, and fails with --formfunc-strict; real engines."""

import json

import pytest
from support.project import MATRIX, NET, OWN_TEST, git

from pytest_formfunc.backends import backend_entry

pytestmark = pytest.mark.engine
LIGHT = ("--formfunc-escalation", "1s", "--formfunc-threshold", "50%")
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
    forms = ["--formfunc-backends", "native", "--formfunc-model", "mynets.net:build", "test_forms.py"]
    outcome = repository.measure(*GRAPH, *forms, "--formfunc-strict", "-rf", "-vv")
    assert outcome.code == 1, outcome.text
    assert "no test of an accelerated backend" in " ".join(outcome.text.split())


@pytest.mark.alone
def test_a_second_look_at_one_backend_keeps_the_verdict_of_the_other(repository):
    """Both have a verdict at the end, whichever of them needed more launches."""
    if backend_entry("openvino-bf16").engine_class()(1).why_unavailable():
        pytest.skip("openvino-bf16 needs a CPU with bf16")
    repository.write("test_net.py", QUIET_TEST)
    outcome = repository.measure(
        "--formfunc-backends", "openvino,openvino-bf16", "--formfunc-against", "v1", "--formfunc-threshold", "0.1%",
        "--formfunc-escalation", "3s", "--benchmark-json=out.json",
    )  # fmt: skip
    records = [one for one in repository.records("out.json").values() if not one["native"]]
    assert len(records) == 2
    assert max(one["verdict"]["looks"] for one in records) > 1
    assert "not judged" not in outcome.text


@pytest.mark.alone
def test_a_run_side_by_side_can_be_saved_and_compared_with(repository):
    """Further looks measure only accelerated participants; launches without native are not saved as samples."""
    repository.write("test_net.py", QUIET_TEST)
    saved = repository.measure("--formfunc-against", "v1", "--formfunc-threshold", "0.1%", "--formfunc-escalation", "3s",
                               "--benchmark-json=out.json", "--benchmark-save=one")  # fmt: skip
    (record,) = repository.records("out.json").values()
    assert record["verdict"]["looks"] > 1
    assert len(record["samples"]) == len(record["native_samples"]) < len(record["against"]["samples"]), saved.text
    assert len(record["against"]["own_samples"]) == len(record["against"]["samples"])
    compared = repository.measure("--benchmark-compare", "--formfunc-threshold", "50%")
    assert compared.code == 0, compared.text
    assert "Traceback" not in compared.text


def test_a_run_that_timed_nothing_is_not_a_baseline_for_one_that_does(repository):
    """The message says that it made only one call, and it does not count in the history."""
    repository.write("test_net.py", QUIET_TEST)
    assert repository.measure(*GRAPH, "--benchmark-save=one").code == 0
    compared = repository.measure("--benchmark-compare", "-rf", "-vv", "--formfunc-strict")
    assert compared.code == 1, compared.text
    assert "called it only once" in " ".join(compared.text.split())


def test_a_rule_that_was_not_judged_fails_when_strict(repository):
    """With a gate on graphs nothing is timed, so a floor of the speedup cannot be checked."""
    marked = QUIET_TEST.replace(
        "def test_net", "import pytest\n\n\n@pytest.mark.formfunc(min_speedup=1.1)\ndef test_net"
    )
    repository.write("test_net.py", marked)
    assert repository.measure(*GRAPH).code == 0
    strict = repository.measure(*GRAPH, "--formfunc-strict", "-rf", "-vv")
    assert strict.code == 1
    assert "its min_speedup was not judged" in " ".join(strict.text.split())


def test_other_tests_of_the_other_revision_do_not_run(repository):
    """They may be slow or do harm: only tests that measure are run, up to where they would measure."""
    repository.write(
        "test_other.py",
        "import pathlib\n\n\ndef test_other():\n    pathlib.Path('/dev/shm').stat(); raise SystemExit(3)\n",
    )
    (repository.folder / "test_net.py").unlink()
    git(repository.folder, "add", "-A")
    git(repository.folder, "commit", "-qm", "no test that measures, and one that ends pytest")
    repository.write("test_other.py", "def test_other():\n    pass\n")
    repository.write("test_net.py", QUIET_TEST)
    outcome = repository.measure("--formfunc-against", "HEAD", "--formfunc-gate", "graph")
    assert outcome.code == 0, outcome.text
    assert "1 new" in outcome.text


def test_a_deleted_test_is_missing_when_strict(repository):
    """The other revision measured a model that no test here measures any more."""
    (repository.folder / "test_net.py").unlink()
    repository.write("test_forms.py", MATRIX)
    outcome = repository.measure(*GRAPH, "--formfunc-model", "mynets.net:build", "--formfunc-strict", "-rf", "-vv")
    assert outcome.code == 1, outcome.text
    assert "test_net.py::test_net is missing" in " ".join(outcome.text.split())


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
        "conftest.py", "def pytest_addoption(parser):\n    parser.addoption('--out', type=int, default=8)\n"
    )
    own = QUIET_TEST.replace("def test_net(formfunc)", "def test_net(formfunc, request)").replace(
        "formfunc(Net()", "formfunc(Net(request.config.getoption('--out'))"
    )
    repository.write("test_net.py", own)
    sized = NET.replace("def __init__(self)", "def __init__(self, out=8)").replace("{out}", "out")
    repository.write("src/mynets/net.py", sized)
    git(repository.folder, "add", "-A")
    git(repository.folder, "commit", "-qm", "sized")
    for options in (["--out", "24"], ["--out=24"]):
        outcome = repository.measure(*options, "--formfunc-against", "HEAD", "--formfunc-gate", "graph")
        assert outcome.code == 0, outcome.text
        assert "1 unchanged" in outcome.text
    # A word that is also the name of a folder is not a path, and an option that ends a run early is not passed on.
    named_so = repository.measure(
        "-k",
        "src or net",
        "-qx",
        "--cache-clear",
        "-p",
        "cacheprovider",
        "--formfunc-against",
        "HEAD",
        "--formfunc-gate",
        "graph",
    )
    assert "1 unchanged" in named_so.text, named_so.text
    by_variable = repository.measure(
        "--formfunc-against", "HEAD", "--formfunc-gate", "graph", env={"PYTEST_ADDOPTS": "--out=24 --junitxml=a.xml"}
    )
    assert "1 unchanged" in by_variable.text, by_variable.text


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


@pytest.mark.alone
def test_a_case_in_a_test_with_further_parameters_is_compared(bench):
    """It is recorded under the case's id, so it is neither missing nor unjudged."""
    bench.write(
        "test_forms.py",
        "import pytest\n\n\n@pytest.mark.parametrize('note', ['a'])\n"
        "def test_form(formfunc, formfunc_case, formfunc_backend, note):\n    formfunc(formfunc_case)\n",
    )
    forms = ["--formfunc-patterns", "pointwise", "--formfunc-depths", "1", "--formfunc-widths", "8"]
    assert bench.measure(*forms, "--benchmark-autosave").code == 0
    outcome = bench.measure(*forms, "--benchmark-compare", "--formfunc-threshold", "50%")
    assert outcome.code == 0, outcome.text
    assert "missing" not in outcome.text
    assert "not judged" not in outcome.text
    bench.write(
        "test_forms.py",
        "import pytest, torch\n\n\n@pytest.mark.parametrize('out', [2, 3])\ndef test_form(formfunc, formfunc_case, out):\n"
        "    formfunc(torch.nn.Linear(8, out), torch.randn(1, 8))\n",
    )
    own = bench.measure(*forms)
    assert own.code == 1
    assert own.text.count("leave formfunc_case out and parametrize what it is made from") >= 2


@pytest.mark.alone
def test_the_last_five_runs_of_a_name_are_pooled_whatever_else_was_saved(bench):
    """Many other runs that were saved between them do not count."""
    forms = ["--formfunc-patterns", "pointwise", "--formfunc-depths", "1", "--formfunc-widths", "8"]
    assert bench.measure(*forms, "--benchmark-save=main").code == 0
    (first,) = bench.saved()
    for number in range(2, 31):
        name = "main" if number in (2, 3) else "other"
        (first.parent / f"{number:04}_{name}.json").write_text(first.read_text())
    outcome = bench.measure(*forms, "--formfunc-baseline", "main", "--formfunc-threshold", "50%")
    assert outcome.code == 0, outcome.text
    assert "the mean of 3 saved runs named main" in outcome.text


def test_a_damaged_record_is_one_sentence(bench):
    """This holds for samples that are not latencies and for numbers of launches that do not match."""
    forms = ["--formfunc-patterns", "pointwise", "--formfunc-depths", "1", "--formfunc-widths", "8"]
    assert bench.measure(*forms, "--benchmark-save=main").code == 0
    (saved,) = bench.saved()
    whole = saved.read_text()

    def damage(change):
        document = json.loads(whole)
        for entry in document["benchmarks"]:
            if not entry["extra_info"]["formfunc"]["native"]:
                change(entry["extra_info"]["formfunc"])
        saved.write_text(json.dumps(document))
        return bench.measure(*forms, "--benchmark-compare")

    for change in (
        lambda record: record["samples"][0].__setitem__(0, float("nan")),
        lambda record: record["native_samples"].pop(),
        lambda record: record.__setitem__("graph", "brgconv"),
        lambda record: record["host"].__setitem__("versions", "1"),
    ):
        outcome = damage(change)
        assert outcome.code == 4, outcome.text
        assert "has a damaged formfunc entry" in outcome.text
        assert "Traceback" not in outcome.text
