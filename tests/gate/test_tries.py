"""Tries to make a lost speedup pass the gate, as honest or careless code makes them: all are red, by name.

The change makes a network worse and hides it. Most is judged by the graph, which needs no timing. A test's own tricks
share one run; those of a project's ini file and conftest.py have one each.
"""

import json
import re
import shutil

import pytest
from support.command import command
from support.project import Project, lose_a_kernel
from support.repositories import CALL, HEAD, NAME, SAVED, STRICT, TRICKS, only_calls, words, worse

pytestmark = pytest.mark.engine
GRAPH = ("--formfunc-against", "v1", *STRICT)

# What a test does in place of `CALL`, and its decorator.
TESTS = {
    "xfail": (CALL, "@pytest.mark.xfail(reason='known')"),
    "suppress": ("    with contextlib.suppress(BaseException):\n    " + CALL.replace("\n    ", "\n        "), ""),
    "except": (
        "    try:\n    " + CALL.replace("\n    ", "\n        ") + "    except BaseException:\n        pass\n",
        "",
    ),
    "skip_after": (
        "    try:\n    "
        + CALL.replace("\n    ", "\n        ")
        + "    except BaseException:\n        pytest.skip('slow')\n",
        "",
    ),
    "skip_before": ("    pytest.skip('not today')\n", ""),
    "skip_mark": (CALL, "@pytest.mark.skip(reason='not today')"),
    "never_called": ("    pass\n", ""),
    "fail_on": (CALL, "@pytest.mark.formfunc(fail_on=['gain'])"),
    "imperative_xfail": (
        "    try:\n    "
        + CALL.replace("\n    ", "\n        ")
        + "    except BaseException:\n        pytest.xfail('known')\n",
        "",
    ),
}
# What a run does: files of the change, options that are added, and what has to be named.
HOOKED = "@pytest.hookimpl({options})\ndef {signature}:\n{body}"
RUNS = {
    "xfail_by_conftest": ("def pytest_collection_modifyitems(items):\n"
                          "    for item in items:\n        item.add_marker(pytest.mark.xfail)\n"),
    "skip_when_set_up": "def pytest_runtest_setup(item):\n    pytest.skip('flaky')\n",
    "dropped_when_collected": ("def pytest_collection_modifyitems(items):\n"
                               "    items[:] = [item for item in items if 'test_net' not in item.nodeid]\n"),
    "dropped_when_run": ("@pytest.hookimpl(tryfirst=True)\ndef pytest_runtestloop(session):\n"
                         "    session.items[:] = [item for item in session.items if 'other' in item.nodeid]\n"),
    "never_run": ("@pytest.hookimpl(tryfirst=True)\ndef pytest_runtest_protocol(item):\n"
                  "    return True if 'test_net' in item.nodeid else None\n"),
    "reported_as_passed": ("@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_makereport(item, call):\n"
                           "    report = yield\n    report.outcome = 'passed' if report.when == 'call' else report.outcome\n"
                           "    return report\n"),
    "exit_status": "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n",
    "exit_at_the_end": "def pytest_sessionfinish():\n    pytest.exit('done')\n",
    "dropped_and_accepted": ("import os\nos.environ['PYTEST_ADDOPTS'] = '--formfunc-accept=*'\n"
                             "def pytest_collection_modifyitems(items):\n"
                             "    items[:] = [item for item in items if 'test_net' not in item.nodeid]\n"),
    "exit_code": ("def pytest_runtest_logreport(report):\n"
                  "    if report.when == 'call' and 'test_net' in report.nodeid:\n        pytest.exit('done', returncode=0)\n"),
    "strict_taken_back": "def pytest_configure(config):\n    config.option.formfunc_strict = None\n",
    "fail_on_by_conftest": "def pytest_configure(config):\n    config.option.formfunc_fail_on = 'gain'\n",
}  # fmt: skip
INI = {
    "fail_on_by_ini": "formfunc_fail_on = gain\n",
    "benchmark_skip": "addopts = --benchmark-skip\n",
    "deselect": "addopts = --deselect test_net.py\n",
    "keyword": "addopts = -k other\n",
    "other_files": "python_files = test_other*.py\n",
    "accepted_by_itself": "addopts = --formfunc-accept=* -k other\n",
    "plugin_off": "addopts = -p no:formfunc\n",
    "collect_only": "addopts = --collect-only\n",
    "reruns": "addopts = --reruns 2\n",
}


@pytest.fixture(scope="module")
def tricks(good, tmp_path_factory):
    """One run of tests that each hide the loss of their own, and what `verify` says of it."""
    folder = tmp_path_factory.mktemp("tricks") / "one"
    shutil.copytree(good.folder, folder)
    one = Project(folder, good.cache)
    worse(one)
    assert {*TESTS} == {*TRICKS}  # each is there at v1, without its trick
    for name, (body, decorator) in TESTS.items():
        text = only_calls("net", name, decorator)
        assert CALL in text
        one.write(f"tricks/test_{name}.py", HEAD + text.replace(CALL, body))
    one.outcome = one.measure(*GRAPH, "tricks", "--junitxml=junit.xml", "-rfE")
    one.verified = command("verify", one.folder / "run.jsonl")
    return one


@pytest.mark.parametrize("name", TESTS)
def test_what_a_test_does_hides_no_loss(tricks, name):
    test = f"tricks/test_{name}.py::test_{name}"
    failed = [f"{one}: {sentence}" for one, sentence in tricks.failures().items() if test in f"{one}: {sentence}"]
    own = [one for one in tricks.failures() if one.startswith(f"test_{name}[")]
    assert failed or own, tricks.outcome.text
    assert tricks.outcome.code == 1
    assert tricks.verified.code == 1
    assert test in tricks.verified.text


def check_red(project, outcome):
    """It is red, by name, and so is what the journal says of it."""
    assert outcome.code == 1, outcome.text
    assert NAME in words(outcome) or "Exit: done" in outcome.text  # which leaves the report out
    verified = command("verify", project.folder / "run.jsonl", "--strict")
    assert (verified.code, NAME in verified.text) == (1, True), verified.text


@pytest.mark.parametrize("name", RUNS)
def test_what_conftest_does_hides_no_loss(changed, name):
    changed.write("conftest.py", "import pytest\n\n" + RUNS[name])
    others = ["test_other.py"] if name.startswith(("dropped", "never")) else []  # a run of no test is another matter
    check_red(changed, changed.measure(*SAVED, "test_net.py", *others))


@pytest.mark.parametrize("name", INI)
def test_what_the_ini_file_says_hides_no_loss(changed, name):
    with (changed.folder / "pytest.ini").open("a") as file:
        file.write(INI[name])
    paths = (".", "--ignore=tricks") if name == "other_files" else ("test_net.py", "test_other.py")
    outcome = changed.measure(*SAVED, *paths)
    if name in ("plugin_off", "collect_only"):
        assert outcome.code == 4, outcome.text
    else:
        check_red(changed, outcome)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("conftest.py", RUNS["dropped_when_collected"]),
        ("conftest.py", "def pytest_configure(config):\n    config.option.formfunc_against = None\n"),
        ("pytest.ini", "[pytest]\npythonpath = src\naddopts = -k other\n"),
    ],
)
def test_side_by_side_the_other_revisions_own_settings_count(changed, file, text):
    changed.write(file, text)
    check_red(changed, changed.measure(*GRAPH, "test_net.py", "test_other.py"))


def test_a_deleted_and_a_renamed_test_are_missing_unless_the_command_line_accepts_it(changed):
    """As sentences and tests name it; what is accepted is not red any more."""
    (changed.folder / "test_net.py").rename(changed.folder / "test_new.py")
    outcome = changed.measure(*SAVED, "--junitxml=junit.xml", "--ignore=tricks")
    assert outcome.code == 1, outcome.text
    assert f"formfunc-missing[{NAME}-openvino]" in changed.failures()
    (changed.folder / "test_new.py").unlink()
    (changed.folder / "run.jsonl").unlink()
    outcome = changed.measure(*SAVED, "--ignore=tricks", f"--formfunc-accept={NAME}-openvino")
    assert outcome.code == 0, outcome.text


def test_a_process_that_ends_itself_is_red_when_it_is_verified(changed):
    """Its own exit code is what it says; the journal says that the run did not end."""
    changed.write("conftest.py", "import os\n\ndef pytest_sessionfinish():\n    os._exit(0)\n")
    assert changed.measure(*SAVED, "test_net.py").code == 0
    verified = command("verify", changed.folder / "run.jsonl")
    assert verified.code == 1
    assert "executes a worse graph" in verified.text


TIMED = ("--formfunc-against", "v1", "--formfunc-strict", "--formfunc-plant", "openvino=900%", "test_net.py")


@pytest.mark.parametrize(
    ("ini", "marker", "clauses"),
    [
        ("formfunc_threshold = 90%\n", "", ["threshold 90%, there 10% of test_net.py::test_net"]),
        (
            "formfunc_gate = graph\nformfunc_escalation = 0.1s\nformfunc_threshold_means = measured\n",
            "@pytest.mark.formfunc(threshold='90%')",
            [
                "gate graph, there time",
                "threshold_means measured, there found",
                "threshold 90%, there 10% of test_net.py::test_net",
            ],
        ),
    ],
    ids=["ini file", "marker and ini file"],
)
def test_a_looser_rule_of_the_change_does_not_count(good, project, tmp_path, ini, marker, clauses):
    """Timed, and slowed down on purpose: the stricter rule of both sides holds."""
    shutil.rmtree(tmp_path)
    shutil.copytree(good.folder, tmp_path)
    with (project.folder / "pytest.ini").open("a") as file:
        file.write(ini)
    project.write("test_net.py", HEAD + only_calls("net", "net", marker))
    outcome = project.measure(*TIMED)
    assert outcome.code == 1, outcome.text
    for clause in clauses:
        assert re.search(rf"looser than v1 \([0-9a-f]+\): {re.escape(clause)}", words(outcome)), outcome.text
    assert "verdicts: 1 regressed" in outcome.text


def test_a_looser_rule_than_that_of_a_saved_run_does_not_count(bench):
    """A saved run says what failed its tests."""
    few = ("--formfunc-patterns=plain", "--formfunc-depths=1", "--formfunc-widths=8")
    assert bench.measure(*few, "--benchmark-save=then").code == 0
    (saved,) = bench.saved()
    document = json.loads(saved.read_text())
    policies = document["formfunc"]["policies"]
    lose_a_kernel(saved, "plain-d1-w8-1x3x32x32")
    saved.write_text(json.dumps({**json.loads(saved.read_text()), "formfunc": document["formfunc"]}))
    assert {(one["backend"], one["threshold"], *one["fail_on"]) for one in policies} == {
        ("native", 0.1, "loss"), ("openvino", 0.1, "loss")
    }  # fmt: skip
    bench.write("pytest.ini", "[pytest]\nformfunc_fail_on = gain\n")
    compare = (*few, "--benchmark-compare", "--formfunc-gate=graph")
    outcome = bench.measure(*compare)
    assert (outcome.code, "fail_on gain, there loss" in words(outcome)) == (1, True), outcome.text
    assert bench.measure(*compare, "--formfunc-accept=fail_on").code == 0
