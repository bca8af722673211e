"""Runs under pytest-xdist with real engines: what works without it works with it, and each case meets one worker."""

import json
import os
import signal
import subprocess
import time

import pytest
from support.project import MATRIX, lose_a_kernel

from pytest_formfunc.journal.folder import read_with_parts
from pytest_formfunc.journal.reading import read_journal

FORMS = ("--formfunc-patterns", "plain,pointwise", "--formfunc-depths", "1,2", "--formfunc-widths", "8")
CASES = [f"{name}-d{depth}-w8-1x3x32x32" for name in ("plain", "pointwise") for depth in (1, 2)]
ONE = ("--formfunc-patterns=plain", "--formfunc-depths=1", "--formfunc-widths=8")
TWO = ("--formfunc-patterns=plain,pointwise", "--formfunc-depths=1", "--formfunc-widths=8")
KEYS = {(case, backend) for case in CASES for backend in ("native", "openvino")}
# Notes which worker ran which test.
WHO = """
import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    with open("who.txt", "a") as file:
        file.write(f"{item.config.workerinput['workerid']} {item.nodeid}\\n")
    return (yield)
"""
ORDINARY = "import pytest\n\n@pytest.mark.parametrize('number', range(6))\ndef test_ordinary(number):\n    pass\n"
# The first worker that comes to one case is killed there.
LOST = """
import os, signal, torch
from pathlib import Path

import pytest


@pytest.mark.parametrize("width", [4, 8, 12])
def test_mine(formfunc, formfunc_backend, width):
    torch.manual_seed(0)
    if width == 8 and not Path("was").exists():
        Path("was").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    formfunc(torch.nn.Conv2d(3, width, 3), torch.ones(1, 3, 16, 16))
"""


def who(project):
    pairs = [line.split(maxsplit=1) for line in (project.folder / "who.txt").read_text().splitlines()]
    return {test: worker for worker, test in pairs}


@pytest.mark.engine
def test_a_run_with_workers_has_what_one_without_has(bench):
    """Rows, table, JSON, JUnit, report and journal; each case on one worker, ordinary tests on all."""
    bench.write("conftest.py", WHO)
    bench.write("test_ordinary.py", ORDINARY)
    outcome = bench.measure(
        "-n", "2", "--dist", "loadgroup", *FORMS, "--benchmark-json=out.json", "--junitxml=junit.xml", "--formfunc-journal=run.jsonl",
        "--formfunc-report=out.csv",
    )  # fmt: skip
    assert outcome.code == 0, outcome.text
    assert "14 passed" in outcome.text
    assert "Benchmarks are automatically disabled" not in outcome.text
    assert set(bench.records("out.json")) == KEYS
    entries = json.loads((bench.folder / "out.json").read_text())["benchmarks"]
    assert {(one["group"], one["params"]["formfunc_backend"]) for one in entries} == KEYS
    assert all(one["fullname"] == f"test_forms.py::{one['name']}" for one in entries)
    ran = who(bench)
    assert len(ran) == 14
    for case in CASES:
        assert len({worker for test, worker in ran.items() if case in test}) == 1, ran
    assert set(ran.values()) == {"gw0", "gw1"}
    journal = read_journal(bench.folder / "run.jsonl")
    assert (set(journal.rows), journal.ended) == (KEYS, "complete")
    assert [*bench.folder.glob("run.gw*")] == []
    assert "samples" not in (bench.folder / "junit.xml").read_text()
    assert all(outcome.row(case) for case in CASES)
    assert len((bench.folder / "out.csv").read_text().splitlines()) == 1 + len(CASES)


@pytest.mark.engine
def test_a_loss_and_what_is_missing_turn_a_strict_run_with_workers_red(bench):
    """The saved run executed one kernel less for one case, whose test fails, and had a case that this run has not."""
    more = ("--formfunc-patterns", "plain", "--formfunc-depths", "1,2", "--formfunc-widths", "8")
    fewer = ("--formfunc-patterns", "plain", "--formfunc-depths", "1", "--formfunc-widths", "8")
    assert bench.measure(*more, "--benchmark-save=then").code == 0
    (saved,) = bench.saved()
    lose_a_kernel(saved, CASES[0])
    outcome = bench.measure(
        "-n", "2", *fewer, "--benchmark-compare", "--formfunc-gate=graph", "--formfunc-strict", "--junitxml=junit.xml"
    )
    assert outcome.code == 1, outcome.text
    failures = bench.failures()
    assert sorted(failures) == [
        "formfunc-missing[plain-d2-w8-1x3x32x32-openvino]",
        f"test_form[{CASES[0]}-openvino]",
    ]
    assert "executes a worse graph than the baseline" in failures[f"test_form[{CASES[0]}-openvino]"]
    assert "verdicts: 1 regressed, 1 missing" in outcome.text


@pytest.mark.engine
def test_parity_alone_is_checked_where_benchmarks_are_switched_off(bench):
    outcome = bench.measure("-n", "1", *ONE, "--benchmark-disable", "--benchmark-json=out.json")
    assert outcome.code == 0, outcome.text
    assert "one call each, parity checked: no speedup is claimed" in outcome.text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--formfunc-backends=openvno",), "unknown backend 'openvno'"),
        pytest.param(
            ("--dist=each", "--formfunc-backends=native"),
            "--dist each would measure every case once in each worker",
            marks=pytest.mark.engine,
        ),
        (("--formfunc-journal=no/such/test_forms.py", "--formfunc-resume"), "there is no journal"),
    ],
)
def test_wrong_usage_is_one_sentence(bench, options, sentence):
    outcome = bench.pytest("-n", "2", f"--formfunc-cache-dir={bench.cache}", *options)
    assert (outcome.code, sentence in outcome.text) == (4, True), outcome.text
    assert "Traceback" not in outcome.text
    assert "crashed" not in outcome.text


@pytest.mark.engine
def test_a_worker_that_cannot_write_its_journal_is_wrong_usage(bench):
    """Before anything is measured: a run that a crash could lose is not what was asked for."""
    bench.write("cache/runs", "")
    outcome = bench.pytest("-n", "1", "--formfunc-cache-dir=cache", "--formfunc-backends=native")
    assert (outcome.code, "cannot be written: its folder is a file" in outcome.text) == (4, True), outcome.text
    assert "crashed" not in outcome.text


def test_files_that_workers_of_another_run_left_are_not_written_to(bench):
    """Nor are they deleted: somebody may want to continue that run."""
    (bench.folder / "run.gw1.jsonl").write_text("rows\n")
    outcome = bench.pytest("-n", "2", f"--formfunc-cache-dir={bench.cache}", "--formfunc-journal=run.jsonl")
    assert (outcome.code, "run.gw1.jsonl exists: continue it with" in outcome.text) == (4, True), outcome.text
    assert (bench.folder / "run.gw1.jsonl").read_text() == "rows\n"


def test_a_workers_wrong_usage_is_one_sentence(bench):
    """What only a worker finds out, because it collects, ends the run."""
    bench.write("test_forms.py", "import pytest\n\n@pytest.mark.formfunc(thresold=1)\n" + MATRIX.strip())
    outcome = bench.pytest("-n", "2", f"--formfunc-cache-dir={bench.cache}", "--formfunc-backends=native")
    assert (outcome.code, "thresold" in outcome.text) == (4, True), outcome.text
    assert "crashed" not in outcome.text


def test_a_projects_own_scheduler_distributes_its_ordinary_tests(project):
    """Ours only takes its place where tests measure."""
    project.write("test_ordinary.py", ORDINARY)
    project.write(
        "conftest.py",
        "def pytest_xdist_make_scheduler(config, log):\n"
        "    from xdist.scheduler import LoadScopeScheduling\n"
        "    class Own(LoadScopeScheduling):\n"
        "        def _split_scope(self, nodeid):\n"
        "            open('asked.txt', 'a').write(nodeid)\n"
        "            return nodeid\n"
        "    return Own(config, log)\n",
    )
    assert project.pytest("-n", "2").code == 0
    assert "test_ordinary[3]" in (project.folder / "asked.txt").read_text()


@pytest.mark.engine
def test_what_only_a_worker_finds_wrong_is_one_sentence(bench):
    """It has fewer cores than its controller."""
    outcome = bench.pytest(
        "-n", "2", "--formfunc-cores=1", "--formfunc-threads=2", f"--formfunc-cache-dir={bench.cache}"
    )
    assert (outcome.code, "threads '2' is out of range" in outcome.text) == (4, True), outcome.text
    assert "crashed" not in outcome.text


@pytest.mark.engine
def test_a_run_that_gave_up_on_its_workers_is_not_complete(project):
    """Neither its journal nor what it saved, which is no baseline by itself then."""
    project.write("test_mine.py", LOST)
    outcome = project.measure(
        "-n", "1", "--max-worker-restart=0", "--benchmark-autosave", "--formfunc-journal=run.jsonl"
    )
    assert outcome.code == 1, outcome.text
    journal = read_journal(project.folder / "run.jsonl")
    assert (journal.ended, len(journal.rows)) == ("interrupted", 2)
    (saved,) = project.saved()
    assert json.loads(saved.read_text())["formfunc"]["complete"] is False


@pytest.mark.engine
@pytest.mark.parametrize("restarts", [0, 1])
def test_a_worker_that_dies_before_it_is_sent_its_next_tests_is_a_crashed_worker(project, restarts):
    """Not an internal error, though xdist writes to a worker of whose end it has not heard yet."""
    project.write("test_mine.py", LOST)
    project.write(
        "conftest.py",
        "import os, time\n"
        "from xdist.workermanage import WorkerController\n"
        "send = WorkerController.send_runtest_some\n"
        "def send_late(self, indices):\n"
        "    if self.gateway.id == 'gw0' and 5 in indices:\n"
        "        while not os.path.exists('was') or not self._down:\n"
        "            time.sleep(0.01)\n"
        "        open('late', 'w').close()\n"
        "    send(self, indices)\n"
        "WorkerController.send_runtest_some = send_late\n",
    )
    outcome = project.measure("-n", "1", f"--max-worker-restart={restarts}", "--formfunc-journal=run.jsonl")
    assert ("INTERNALERROR" in outcome.text, outcome.code) == (False, 1), outcome.text
    assert "worker 'gw0' crashed" in outcome.text, outcome.text
    assert (project.folder / "late").exists()
    journal = read_journal(project.folder / "run.jsonl")
    assert (journal.ended, len(journal.rows)) == (("interrupted", 2), ("complete", 6))[restarts]


def test_ordinary_tests_run_as_without_the_plugin(project):
    """With every scheduler, and with plugins left out."""
    project.write("test_ordinary.py", ORDINARY)
    for more in [(), ("--dist=each",), ("--dist=loadscope",), ("-p", "no:benchmark"), ("-p", "no:formfunc")]:
        outcome = project.pytest("-n", "2", *more)
        assert outcome.code == 0, outcome.text
        assert f"{12 if more == ('--dist=each',) else 6} passed" in outcome.text


@pytest.mark.engine
def test_a_case_that_meets_two_workers_is_a_failed_test(bench):
    """As under a scheduler of somebody else's, which knows nothing of cases."""
    bench.write(
        "conftest.py",
        "import pytest\n"
        "@pytest.hookimpl(wrapper=True, tryfirst=True, optionalhook=True)\n"
        "def pytest_xdist_make_scheduler(config, log):\n"
        "    yield\n"
        "    from xdist.scheduler import LoadScheduling\n"
        "    return LoadScheduling(config, log)\n",
    )
    outcome = bench.measure("-n", "2", *ONE, "--benchmark-disable", "--junitxml=junit.xml")
    assert outcome.code == 1, outcome.text
    ((name, sentence),) = bench.failures().items()
    assert name == "formfunc-two-workers"
    assert f"{CASES[0]} was measured by gw" in sentence


@pytest.mark.engine
def test_a_run_with_workers_that_is_killed_is_continued_with_or_without_them(bench):
    """What its workers had written counts, though the controller had not gathered it."""
    many = ("--formfunc-patterns", "plain", "--formfunc-depths", "1,2,3", "--formfunc-widths", "8")
    options = (
        "--formfunc-threads=1",
        "--formfunc-input=1x3x32x32",
        "--formfunc-budget=500ms",
        "--formfunc-journal=run.jsonl",
    )
    process = bench.start("-n", "2", *options, *many)
    path, end = bench.folder / "run.jsonl", time.monotonic() + 120
    while not path.exists() or len(read_with_parts(path).rows) < 2:
        assert time.monotonic() < end
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    before = read_with_parts(path).rows
    outcome = bench.pytest(
        "-n", "2", *options, *many, "--formfunc-servers=3", f"--formfunc-cache-dir={bench.cache}", "--formfunc-resume",
        "--benchmark-json=out.json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.text
    after = read_journal(path)
    assert (len(after.rows), after.ended) == (6, "complete")
    assert f"{len(before)} of 6 rows are taken over from it" in outcome.text
    for key, row in before.items():
        assert after.rows[key].record.to_json() == row.record.to_json()
    assert len(json.loads((bench.folder / "out.json").read_text())["benchmarks"]) == 6
    assert [*bench.folder.glob("run.gw*")] == []


@pytest.mark.engine
def test_side_by_side_with_workers(repository):
    """Each worker has a checkout of the other revision of its own, and removes it."""
    outcome = repository.measure("-n", "2", "--formfunc-against", "v1", "--formfunc-gate=graph", "--formfunc-strict")
    assert outcome.code == 0, outcome.text
    assert "verdicts: 1 unchanged" in outcome.text
    trees = subprocess.run(
        ["git", "worktree", "list"], cwd=repository.folder, capture_output=True, text=True, check=True
    )
    assert len(trees.stdout.splitlines()) == 1


@pytest.mark.engine
def test_without_the_table_of_pytest_benchmark(bench):
    outcome = bench.measure("-n", "1", "-p", "no:benchmark", *ONE, "--formfunc-journal=run.jsonl")
    assert outcome.code == 0, outcome.text
    assert outcome.row(CASES[0])
    assert len(read_journal(bench.folder / "run.jsonl").rows) == 2


@pytest.mark.engine
def test_without_xdist_nothing_is_missed(bench):
    outcome = bench.measure("-p", "no:xdist", *ONE, "--benchmark-disable")
    assert outcome.code == 0, outcome.text


@pytest.mark.engine
@pytest.mark.alone
def test_each_worker_has_its_own_cores(bench):
    """And the run says how much they disturb each other."""
    bench.write(
        "conftest.py",
        "import os\n"
        "def pytest_runtest_logreport(report):\n"
        "    if report.when == 'call' and 'PYTEST_XDIST_WORKER' in os.environ:\n"
        "        name = os.environ['PYTEST_XDIST_WORKER']\n"
        "        open(f'cores-{name}.txt', 'w').write(str(sorted(os.sched_getaffinity(0))))\n",
    )
    outcome = bench.pytest(
        "-n", "2", *TWO, "--formfunc-cores=1", "--formfunc-input", "1x3x32x32", "--formfunc-budget", "300ms",
        "--formfunc-servers=3", f"--formfunc-cache-dir={bench.cache}", "--benchmark-json=out.json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.text
    found = {path.read_text() for path in bench.folder.glob("cores-*.txt")}
    assert len(found) == 2
    assert outcome.text.count("as long beside the others") == 2
    assert {record["threads"] for record in bench.records("out.json").values()} == {1}
    assert {record["host"]["cores"] for record in bench.records("out.json").values()} == {1}
