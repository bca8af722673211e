"""Whole runs of real engines where something is in the way: busy cores, a stopped worker, another allocator."""

import json

import pytest
from support.preload import preload_library
from support.project import MATRIX, Project, make_bench, make_repository

from pytest_formfunc.records import METHOD_DEFAULT

pytestmark = pytest.mark.engine

FORM = ("--formfunc-patterns", "pointwise", "--formfunc-depths", "1", "--formfunc-widths", "8")
CASE = "pointwise-d1-w8-1x3x32x32"
WAITED = "its threads waited for cores that other programs kept busy"
FLOORS = """
import pytest


@pytest.mark.formfunc(min_speedup=0.001)
def test_lenient(formfunc, formfunc_case, formfunc_backend):
    formfunc(formfunc_case)


@pytest.mark.formfunc(min_speedup=0.001, fail_on=["inconclusive"])
def test_sure(formfunc, formfunc_case, formfunc_backend):
    formfunc(formfunc_case)
"""


def words(outcome):
    return " ".join(outcome.text.split())


# From the moment at which measuring begins.
BUSY = """
from pytest_formfunc.measure.workers import WorkerServer
from support.processes import keep_cores_busy

wait = WorkerServer.wait


def wait_and_begin(self):
    wait(self)
    keep_cores_busy()


WorkerServer.wait = wait_and_begin
"""


@pytest.fixture(scope="module")
def busy(tmp_path_factory, artifact_cache):
    """A run on cores that other programs keep busy all the time, strict and saved."""
    one = make_bench(Project(tmp_path_factory.mktemp("busy"), artifact_cache))
    one.write("test_forms.py", FLOORS)
    conftest = one.write("conftest.py", BUSY)
    one.outcome = one.measure(
        *FORM, "--formfunc-strict", "--benchmark-save=busy", "--benchmark-json=out.json", "--junitxml=junit.xml",
        as_user=True,
    )  # fmt: skip
    conftest.unlink()
    return one


@pytest.mark.alone
def test_on_busy_cores_no_speedup_is_claimed(busy):
    """Not even with an interval: the record says why, and so do the row and a sentence."""
    assert busy.outcome.row(CASE).split()[1:] == ["-", "-", "contended", "-"], busy.outcome.text
    assert f"contended: 1 of 1 rows claim no speedup, because {WAITED}: close what keeps" in words(busy.outcome)
    assert "geometric mean" not in busy.outcome.text
    for record in busy.records("out.json").values():
        assert (record["noise"]["contended"], record["noise"]["cause"]) == (True, WAITED)
        assert not {"speedup", "speedup_memory_kept", "typical_s", "process_range"} & set(record)
        assert record["samples"]


@pytest.mark.alone
def test_on_busy_cores_no_limit_is_shown(busy):
    """Neither met nor missed, however far it is: green, strict or not, and red only where an unsure outcome fails."""
    assert f"its min_speedup of 0.00x is not shown, because {WAITED}" in words(busy.outcome)
    assert "1 failed, 3 passed" in busy.outcome.text
    ((test, sentence),) = busy.failures().items()
    assert test == f"test_sure[{CASE}-openvino]"
    assert sentence.endswith(f"is not shown, because {WAITED}; it fails on an inconclusive outcome")
    (limit,) = busy.records("out.json")[CASE, "openvino"]["limits"]
    assert (limit["name"], limit["outcome"]) == ("min_speedup", "not shown")


@pytest.mark.alone
def test_what_was_saved_on_busy_cores_is_no_baseline(busy):
    """A later run says so in a sentence, and is green; also where that run is named."""
    later = busy.measure(*FORM, "-k", "lenient and openvino", "--benchmark-compare")
    assert later.code == 0, later.text
    assert "(saved run 0001_busy is not the baseline, because it claims no speedup for 1 of 1 rows" in words(later)
    assert "verdicts:" not in later.text
    later = busy.measure(*FORM, "-k", "lenient and openvino", "--benchmark-compare=0001")
    assert later.code == 0, later.text
    assert "verdicts: 1 not comparable" in later.text
    assert f"not comparable: the baseline claims no speedup for it, because {WAITED}" in words(later)


@pytest.mark.alone
def test_side_by_side_there_is_a_verdict_on_busy_cores_too(project):
    """Both sides are disturbed alike, and a factor of ten is seen all the same; the speedups are not told."""
    make_repository(project)
    project.write("test_forms.py", MATRIX)
    project.write("conftest.py", BUSY)
    outcome = project.measure(
        "--formfunc-model", "mynets.net:build", "test_forms.py", "--formfunc-against", "v1", "--formfunc-plant",
        "openvino=900%", "--formfunc-threshold", "50%", "--formfunc-escalation", "10s", "--formfunc-servers", "5",
        "--formfunc-budget", "2500ms", "--benchmark-json=out.json", "-rf", "-vv", as_user=True,
    )  # fmt: skip
    record = project.records("out.json")["mynets.net:build-1x3x32x32", "openvino"]
    assert record["verdict"]["status"] == "regressed", outcome.text
    assert record["verdict"]["change"]["high"] < 0.5
    assert record["noise"]["contended"]
    assert "speedup" not in record
    assert outcome.code == 1
    assert f"lost speedup against v1 ({record['against']['commit'][:10]}): its speedups are not known" in words(outcome)


NO_START = """
from pytest_formfunc.errors import WorkerDied
from pytest_formfunc.measure.server_process import ServerProcess

start, started = ServerProcess.start, []


def no_second_one(self):
    if self not in started:
        started.append(self)
    if started.index(self):
        raise WorkerDied("the measuring server did not start")
    start(self)


ServerProcess.start = no_second_one
"""


def test_a_server_that_does_not_start_is_one_sentence(bench):
    """Each test says so, and the report."""
    bench.write("conftest.py", NO_START)
    outcome = bench.measure(*FORM, "--junitxml=junit.xml", as_user=True)
    assert outcome.code == 1, outcome.text
    assert "2 failed" in outcome.text
    assert [*bench.failures().values()] == ["Failed: the measuring server did not start"] * 2
    assert f"not measured: {CASE} on native (and on openvino): for the reason above" in words(outcome)
    assert "Traceback" not in outcome.text


NO_MEMORY = """
from pytest_formfunc.errors import WorkerDied
from pytest_formfunc.measure.workers import WorkerServer

worker = WorkerServer.worker


def none_that_keeps(self, job, what, number=0):
    if "memory kept" in what:
        raise WorkerDied(f"{what} was killed by SIGKILL")
    return worker(self, job, what, number)


WorkerServer.worker = none_that_keeps
"""


def test_what_fails_only_with_memory_kept_is_told_and_not_ranked(bench):
    """It may need more memory than there is: the tests pass, the record has the speedup by default alone."""
    bench.write("conftest.py", NO_MEMORY)
    outcome = bench.measure(*FORM, "--benchmark-json=out.json")
    assert outcome.code == 0, outcome.text
    sentence = "native with memory kept worker was killed by SIGKILL"
    assert f"not measured: {CASE} on native with memory kept: {sentence}" in words(outcome)
    assert outcome.row(CASE).split()[3] == "-"
    record = bench.records("out.json")[CASE, "openvino"]
    assert record["speedup"]["value"] > 0
    assert not [name for name in record if "kept" in name]


STOPPED = """
import os
import signal
import time

from pytest_formfunc.measure.protocol import Turn
from pytest_formfunc.measure.workers import Worker

ask, turns = Worker.ask, []


def stop_once(self, message):
    if isinstance(message, Turn) and "openvino" in self.what:
        turns.append(message)
        if len(turns) == 3:
            self.send(Turn(0, 10 * message.calls))
            time.sleep(0.005)
            os.kill(self.pid, signal.SIGSTOP)
            time.sleep(0.05)
            os.kill(self.pid, signal.SIGCONT)
            return self.receive()
    return ask(self, message)


Worker.ask = stop_once
"""


def test_a_worker_that_was_stopped_for_a_moment_is_measured_again(bench):
    """Its round is discarded, on all sides, and the run ends as ever.

    The budget is for launches of more rounds than the fewest, on a slow machine too.
    """
    bench.write("conftest.py", STOPPED)
    outcome = bench.measure(*FORM, "--benchmark-json=out.json", "--formfunc-budget", "24s")
    assert outcome.code == 0, outcome.text
    assert "; 1 disturbed rounds were measured again" in outcome.text, outcome.text
    record = bench.records("out.json")[CASE, "openvino"]
    assert (record["noise"]["discarded_rounds"], record["noise"]["contended"]) == (1, False)
    assert record["speedup"]["low"] < record["speedup"]["value"] < record["speedup"]["high"]
    assert len({len(launch) for launch in record["samples"][:2]}) == 1  # as many rounds as in an undisturbed launch


def test_with_another_librarys_malloc_the_report_says_that_memory_is_not_kept(bench, tmp_path):
    """The speedups are those by default, and the record names allocator and method."""
    library = preload_library(tmp_path)
    outcome = bench.measure(*FORM, "--benchmark-json=out.json", env={"LD_PRELOAD": str(library)}, fresh=True)
    assert outcome.code == 0, outcome.text
    reason = f"malloc is that of {library.name}, and only glibc's can be made to keep freed memory"
    assert f"memory is not kept on either side: {reason}" in words(outcome)
    assert "typical, memory as by default, 95% interval" in outcome.text
    for record in bench.records("out.json").values():
        assert record["method"] == METHOD_DEFAULT == "servers in turn, default memory only"
        assert record["host"]["allocator"] == library.name
        assert not [name for name in record if "kept" in name]
    assert bench.records("out.json")[CASE, "openvino"]["speedup"]["value"] > 0


def test_what_is_printed_is_what_is_saved(bench):
    """Speedup, latencies and range of the row are those of the record, and of the report as a file."""
    outcome = bench.measure(*FORM, "--benchmark-json=out.json", "--formfunc-report=final.json")
    assert outcome.code == 0, outcome.text
    record = bench.records("out.json")[CASE, "openvino"]
    _, native, own, speedup, *rest = outcome.row(CASE).split()
    kept, typical_s = record["speedup_memory_kept"], record["typical_s"]["value"]
    assert float(speedup.removesuffix("x")) == pytest.approx(kept["value"], rel=0.006)
    assert rest[0] == f"({kept['low']:.2f}" or float(rest[0].removeprefix("(")) == pytest.approx(kept["low"], rel=0.06)
    assert float(own) == pytest.approx(1e3 * typical_s, abs=0.0006)
    assert float(native) == pytest.approx(1e3 * typical_s * kept["value"], rel=0.006, abs=0.0006)
    final = json.loads((bench.folder / "final.json").read_text())
    assert {(one["case"], one["backend"]): one for one in final} == bench.records("out.json")


# Under which a run keeps its pace; the number of runs that it keeps is that of the file.
PACE = "pace.json"


@pytest.mark.alone
def test_a_run_leaves_its_pace_and_a_machine_that_is_far_slower_claims_nothing(tmp_path):
    """Not even the first time that it is measured after it has become slow: rows and sentence say why."""
    cache = tmp_path / "cache"
    one = make_bench(Project(tmp_path / "project", cache))
    usual = one.measure(*FORM, as_user=True)
    assert usual.code == 0, usual.text
    assert "machine: near its best pace in " in usual.text
    assert "much slower in 100%" not in usual.text
    known = json.loads((cache / PACE).read_text())
    ((key, (seconds,)),) = known.items()
    assert "torch" in key
    (cache / PACE).write_text(json.dumps({key: [seconds / 100]}))
    slow = one.measure(*FORM, "--formfunc-budget", "2s", "--benchmark-json=out.json", as_user=True)
    assert slow.code == 0, slow.text
    assert slow.row(CASE).split()[1:] == ["-", "-", "contended", "-"], slow.text
    reason = "the machine was much slower than at its best: a small fixed network took more than 1.5 times as long"
    assert f"contended: 1 of 1 rows claim no speedup, because {reason}: measure again later" in words(slow)
    assert "much slower in 100%; waited " in slow.text
    for record in one.records("out.json").values():
        assert (record["noise"]["contended"], record["noise"]["cause"]) == (True, reason)
        assert "speedup_memory_kept" not in record
    (cache / PACE).unlink()
    again = one.measure(*FORM, as_user=True)
    assert "much slower in 100%" not in again.text
