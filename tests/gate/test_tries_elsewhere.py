"""Tries that leave the tests alone: what a run is compared with, how a session ends, and what is left of a case."""

import shutil

import pytest
from support.command import command
from support.project import MATRIX, git
from support.repositories import NAME, SAVED, only_calls, words

pytestmark = pytest.mark.engine
GRAPH = ("--formfunc-against", "v1", "--formfunc-gate=graph", "--formfunc-strict", "--formfunc-journal=run.jsonl")
EXIT = "import pytest\n\ndef {}:\n    pytest.exit('nothing to measure', returncode=0)\n"


@pytest.mark.parametrize("hook", ["pytest_configure(config)", "pytest_sessionstart()", "pytest_collection()"])
def test_a_session_that_ends_before_it_begins_does_not_pass(changed, hook):
    changed.write("conftest.py", EXIT.format(hook))
    outcome = changed.measure(*SAVED, "test_net.py")
    assert outcome.code == 1, outcome.text
    assert "a strict comparison was asked for, and the session ended before it began" in outcome.text
    assert changed.pytest("test_net.py").code == 0  # nobody asked


@pytest.mark.parametrize(
    ("ini", "sentence"),
    [
        ("formfunc_native = openvino\n", "native is 'openvino' by the ini file, and 'native' at v1"),
        ("addopts = --formfunc-plant=native=900%\n", f"{NAME} on openvino executes a worse graph"),
        ("addopts = --formfunc-shard=1/1\n", f"{NAME} on openvino executes a worse graph"),
    ],
)
def test_settings_of_the_change_do_not_choose_what_is_measured(changed, ini, sentence):
    with (changed.folder / "pytest.ini").open("a") as file:
        file.write(ini)
    outcome = changed.measure(*GRAPH, "test_net.py")
    assert outcome.code in (1, 4), outcome.text
    assert sentence in words(outcome), outcome.text


def test_the_current_commit_is_no_other_revision(changed):
    """Where nothing is uncommitted: on a build server, as of a push to main, green would say nothing."""
    git(changed.folder, "commit", "-qam", "worse")
    outcome = changed.measure(*GRAPH, "--formfunc-against=main", "test_net.py", env={"CI": "true"})
    sentence = "is the current commit, and nothing is uncommitted: the code is compared with itself"
    assert (outcome.code, sentence in words(outcome)) == (4, True), outcome.text
    for more, env in (((), {}), (("--formfunc-accept=same-code",), {"CI": "true"})):
        (changed.folder / "run.jsonl").unlink(missing_ok=True)
        said = changed.measure(*GRAPH, "--formfunc-against=main", *more, "test_net.py", env=env)
        assert (said.code, sentence in words(said)) == (0, True), said.text


def test_tests_that_moved_are_looked_for_where_they_were(changed):
    """The folder that the command line names is not there at the other revision, and rules of tests there are gone."""
    (changed.folder / "perf").mkdir()
    (changed.folder / "test_net.py").rename(changed.folder / "perf/test_net.py")
    outcome = changed.measure(*GRAPH, "perf")
    assert (outcome.code, "is new, which --formfunc-strict does not pass" in words(outcome)) == (1, True), outcome.text
    changed.write("perf/test_net.py", "import pytest\n\n@pytest.mark.formfunc(fail_on=['gain'])\n" + MATRIX.strip())
    (changed.folder / "run.jsonl").unlink()
    outcome = changed.measure(*GRAPH, "--formfunc-model=mynets.net:build", "perf")
    assert (outcome.code, "1 regressed" in outcome.text) == (1, True), outcome.text
    assert "what the command line names is not there at v1" in words(outcome)


def test_a_file_that_does_not_import_at_the_other_revision_is_missing_when_it_is_deleted(good, project, tmp_path):
    shutil.rmtree(tmp_path)
    shutil.copytree(good.folder, tmp_path)
    project.write("test_extra.py", "import not_installed_here\n" + only_calls("net"))
    git(project.folder, "add", "-A")
    git(project.folder, "commit", "-qm", "extra")
    git(project.folder, "tag", "v2")
    (project.folder / "test_extra.py").unlink()
    outcome = project.measure(*GRAPH, "--formfunc-against=v2", "--ignore=tricks", ".")
    assert (outcome.code, "formfunc-missing[test_extra.py]" in words(outcome)) == (1, True), outcome.text


def test_a_package_that_is_installed_as_a_copy_is_not_compared_with_itself(changed):
    """Neither side would run the code of its tree."""
    (changed.folder / "pytest.ini").write_text("[pytest]\n")
    packages = changed.folder.parent / f"{changed.folder.name}-site" / "site-packages"
    shutil.copytree(changed.folder / "src", packages)
    outcome = changed.measure(*GRAPH, "test_net.py", env={"PYTHONPATH": str(packages)})
    assert outcome.code == 1, outcome.text
    assert "mynets is imported from an installed copy, though the repository has src/mynets/__init__.py" in words(
        outcome
    )


def test_a_comparison_cannot_be_switched_off(changed):
    changed.write("conftest.py", "def pytest_configure(config):\n"
                  "    config.pluginmanager.unregister(name='benchmark')\n")  # fmt: skip
    outcome = changed.measure("--benchmark-compare", "--formfunc-strict", "--formfunc-journal=run.jsonl", "test_net.py")
    assert (outcome.code, "that plugin is switched off" in words(outcome)) == (4, True), outcome.text


def test_a_red_run_is_no_baseline_by_itself(changed):
    """So a second try is as red as the first."""
    for _ in range(2):
        (changed.folder / "run.jsonl").unlink(missing_ok=True)
        outcome = changed.measure(*SAVED, "test_net.py", "--benchmark-autosave")
        assert (outcome.code, "1 regressed" in outcome.text) == (1, True), outcome.text
    assert "is not the baseline, because it was red by its own comparison" in words(outcome)


def test_a_second_test_of_a_case_is_skipped_by_name(bench):
    """The case is measured and judged by another test, which has no such limit."""
    two = (
        MATRIX
        + '\nimport pytest\n{}\n@pytest.mark.formfunc(threshold="1%")\n'
        + MATRIX.strip().replace("form(", "again(")
    )
    few = ("--formfunc-patterns=plain", "--formfunc-depths=1", "--formfunc-widths=8")
    bench.write("test_forms.py", two.format(""))
    assert bench.measure(*few, "--benchmark-autosave").code == 0
    bench.write("test_forms.py", two.format("@pytest.mark.skip"))
    outcome = bench.measure(*few, *SAVED)
    again = "test_forms.py::test_again[plain-d1-w8-1x3x32x32-openvino]"
    assert (outcome.code, f"{again} has judged nothing" in words(outcome)) == (1, True), outcome.text
    bench.write("test_forms.py", MATRIX)
    (bench.folder / "run.jsonl").unlink()
    outcome = bench.measure(*few, *SAVED)
    assert "looser than the baseline: threshold 10%, there 1% of plain-d1-w8-1x3x32x32" in words(outcome), outcome.text


def test_rows_of_a_run_that_is_continued_do_not_count_unless_it_takes_them_over(changed):
    """The rest of it skips what has become worse."""
    path = changed.folder / "src/mynets/net.py"
    worse_text = path.read_text()
    git(changed.folder, "checkout", "-q", "--", "src")
    changed.write("conftest.py", "def pytest_runtest_logreport(report):\n"
                  "    if report.when == 'call' and 'test_net' in report.nodeid and 'openvino' in report.nodeid:\n"
                  "        raise KeyboardInterrupt\n")  # fmt: skip
    assert changed.measure(*SAVED, "test_net.py", "test_other.py").code == 2
    path.write_text(worse_text)
    changed.write("conftest.py", "import pytest\n\ndef pytest_runtest_setup(item):\n"
                  "    if 'test_net' in item.nodeid:\n        pytest.skip('flaky')\n")  # fmt: skip
    outcome = changed.measure(*SAVED, "--formfunc-resume", "test_net.py", "test_other.py")
    assert outcome.code == 1, outcome.text
    verified = command("verify", changed.folder / "run.jsonl")
    assert (verified.code, f"{NAME} on openvino has no row" in verified.text) == (1, True), verified.text


def test_what_is_new_or_cannot_be_measured_may_be_accepted_by_name(changed):
    """As in a change that adds a test; what is not accepted stays red."""
    git(changed.folder, "checkout", "-q", "--", "src")
    changed.write("test_new.py", only_calls("net", "new"))
    for name, code in (("test_new.py::test_new-openvino", 0), ("test_old.py::test_old-openvino", 1)):
        (changed.folder / "run.jsonl").unlink(missing_ok=True)
        accept = ("--formfunc-accept=x", f"--formfunc-accept={name}")
        outcome = changed.measure(*SAVED, *accept, "--ignore=tricks")
        assert outcome.code == code, outcome.text
        assert command("verify", changed.folder / "run.jsonl").code == code


@pytest.mark.parametrize(
    "conftest",
    [
        "import pytest\n\n@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_makereport(item, call):\n"
        "    report = yield\n    report.description = str(item.function.__doc__)\n    return report\n",
        "import pytest\n\n@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_makereport(item, call):\n"
        "    report = yield\n    report.nodeid += ' (slow)'\n    return report\n",
    ],
)
def test_hooks_of_a_project_that_change_reports_turn_nothing_red(changed, conftest):
    """As pytest-html's own example does."""
    git(changed.folder, "checkout", "-q", "--", "src")
    changed.write("conftest.py", conftest)
    outcome = changed.measure(*SAVED, "test_net.py", "test_other.py")
    assert outcome.code == 0, outcome.text
    assert command("verify", changed.folder / "run.jsonl").code == 0


def test_verify_needs_a_comparison_where_it_is_told_to(changed):
    """Where the change has taken it out of its addopts, say."""
    git(changed.folder, "checkout", "-q", "--", "src")
    assert changed.measure("--formfunc-strict", "--formfunc-journal=run.jsonl", "test_net.py").code == 0
    assert command("verify", changed.folder / "run.jsonl").code == 0
    verified = command("verify", changed.folder / "run.jsonl", "--strict")
    assert (verified.code, "nothing was compared" in verified.text) == (1, True)


def test_arguments_in_a_file_are_the_command_lines(changed):
    git(changed.folder, "checkout", "-q", "--", "src")
    changed.write("ci.args", "--formfunc-gate=graph\n--formfunc-against=v1\n--formfunc-strict\ntest_net.py\n")
    outcome = changed.measure("@ci.args")
    assert outcome.code == 0 or "compared with itself" in words(outcome), outcome.text
    assert "is new" not in outcome.text
