"""What cases lost together, in real runs: measured and unchanged; and made by hand in the journal of one that goes on.

The figures that make a run red are put into its journal between two sessions, because a loss that no case shows by itself
is by its nature one that a short run would find only by luck. The second session takes the rows over as it would take its own.
"""

import json

import pytest
from support.command import command
from support.project import MATRIX, Project, git, make_repository

from pytest_formfunc.journal.reading import read_journal

pytestmark = pytest.mark.engine
CASES = [f"pointwise-d{depth}-w8-1x3x32x32" for depth in (1, 2)]
FORMS = ("--formfunc-patterns=pointwise", "--formfunc-depths=1,2", "--formfunc-widths=8")
COMPARED = ("test_forms.py", *FORMS, "--formfunc-against=v1", "--formfunc-escalation=1ms", "--formfunc-threshold=50%")
NAME = "formfunc-pooled[pointwise-openvino]"
SENTENCE = "all 2 cases of pointwise on openvino together lost 45.0%"


@pytest.fixture(scope="module")
def measured(tmp_path_factory, artifact_cache):
    """A repository whose unchanged forms were compared once, by two workers of xdist; its journal is run.jsonl."""
    one = make_repository(Project(tmp_path_factory.mktemp("measured"), artifact_cache))
    one.write("test_forms.py", MATRIX)
    one.write(".gitignore", "*.jsonl\n__pycache__\n")
    git(one.folder, "add", "-A")
    git(one.folder, "commit", "-qm", "forms")
    one.write("src/mynets/changed.py", "")
    one.outcome = one.measure(*COMPARED, "-n", "2", "--formfunc-journal=run.jsonl", "--junitxml=junit.xml")
    return one


@pytest.fixture
def shared_loss(measured):
    """Return what makes a journal of that run, which did not end and lost as much in all of its cases."""

    def make(loss=0.45, **changes):
        lines = [json.loads(line) for line in (measured.folder / "run.jsonl").read_text().splitlines()]
        for record in (line.get("record", {}) for line in lines):
            if record.get("against"):
                record["noise"] |= {"contended": False, "cause": ""}  # whatever else this machine was doing
                record["verdict"] |= {"status": "inconclusive", "reason": "it is unsure"}
                ratios = [(1 - loss) * (1 + 0.002 * (index % 3 - 1)) for index in range(6)]
                record["against"]["judged"] |= {"changes": ratios, "accelerated": ratios, "servers": [*range(6)]}
        lines = [line | (changes if "record" in line else {}) for line in lines if "ended" not in line]
        (measured.folder / "lost.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        return measured.folder / "lost.jsonl"

    return make


def resumed(project, *more):
    (project.folder / "junit.xml").unlink(missing_ok=True)
    return project.measure(
        *COMPARED, "--formfunc-resume", "--formfunc-journal=lost.jsonl", "--junitxml=junit.xml", *more
    )


def test_unchanged_forms_have_no_pool_and_note_their_launches(measured):
    """Each worker has servers of its own, and says so."""
    assert measured.outcome.code == 0, measured.outcome.text
    assert "formfunc-pooled" not in measured.outcome.text
    rows = read_journal(measured.folder / "run.jsonl").rows
    noted = [rows[case, "openvino"].record.against.judged for case in CASES]
    assert len({one.process for one in noted}) == 2
    for one in noted:
        assert len(one.changes) == len(one.servers) >= 3
        assert one.accelerated == one.changes  # native runs the same program
        assert (one.same_kernels, one.own_servers, one.means) == (True, False, "found")
    for case in CASES:
        record = rows[case, "openvino"].record
        assert len(record.against.judged.changes) == len(record.against.samples)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_shared_loss_is_a_failed_test_of_its_own(measured, shared_loss, workers):
    """In JUnit, in the summary and in the exit code; every test of a case has passed."""
    path = shared_loss()
    outcome = resumed(measured, *workers)
    assert outcome.code == 1, outcome.text
    assert "1 failed, 4 passed" in outcome.text
    failures = measured.failures()
    assert [*failures] == [NAME]
    assert failures[NAME].startswith(SENTENCE)
    assert "Traceback" not in outcome.text
    text = " ".join(outcome.text.split())
    assert f"FAILED {NAME}" in text
    assert text.count(failures[NAME]) <= 2  # pytest's failure, and its summary where that is not cut
    assert "A" + SENTENCE[1:] in text
    journal = read_journal(path)
    assert (journal.ended, all(not one.reason for one in journal.judged.values())) == ("complete", True)


def test_the_journal_alone_says_it(measured, shared_loss):
    """verify is red, and show and report have the sentence; a report for programs has what it is made of."""
    path = shared_loss()
    verified, shown = command("verify", path), command("show", path)
    assert (verified.code, shown.code) == (1, 0)
    assert f"pytest-formfunc: {SENTENCE}" in verified.text
    assert SENTENCE in shown.text
    assert command("report", path, path.with_suffix(".md")).code == 0
    assert SENTENCE in path.with_suffix(".md").read_text()


def test_tests_that_do_not_fail_on_a_loss_are_told(measured, shared_loss):
    """The verdict is a line of the report, and nothing is red."""
    path = shared_loss(fail_on=["gain"])
    outcome = resumed(measured, "--formfunc-fail-on=gain")
    assert outcome.code == 0, outcome.text
    assert f"together: {SENTENCE}" in " ".join(outcome.text.split())
    verified = command("verify", path)
    assert (verified.code, SENTENCE in verified.text) == (0, True)


def test_parts_are_judged_together(measured, shared_loss):
    """A part that lost as much passes; merging both does not."""
    header, *lines = map(json.loads, shared_loss().read_text().splitlines())
    paths = []
    for index, case in enumerate(CASES, start=1):
        own = [line for line in lines if line.get("record", {}).get("case") == case]
        shard = {"index": index, "of": 2, "plan": "p"}
        planned = [key for key in header["planned"] if key[0] == case]
        first = header | {"shard": shard, "planned": planned, "part_of_all": header["planned"]}
        paths.append(measured.folder / f"part-{index}.jsonl")
        text = "".join(f"{json.dumps(line)}\n" for line in (first, *own, {"ended": "complete"}))
        paths[-1].write_text(text)
    merged = command("merge", *paths, "--output", measured.folder / "whole.jsonl")
    assert merged.code == 1, merged.text
    assert f"pytest-formfunc: {SENTENCE}" in merged.text
    assert command("verify", measured.folder / "whole.jsonl").code == 1
    for path in (*paths, measured.folder / "whole.jsonl"):
        path.unlink()


def test_a_part_has_no_pooled_verdict(measured, shared_loss):
    """It was measured by a part of the machines."""
    path = shared_loss()
    lines = path.read_text().splitlines()
    header = json.loads(lines[0]) | {"shard": {"index": 1, "of": 1, "plan": ""}}
    path.write_text("\n".join([json.dumps(header), *lines[1:], ""]))
    outcome = resumed(measured, "--formfunc-shard=1/1")
    assert outcome.code == 0, outcome.text
    assert "4 of 4 rows are taken over" in outcome.text
    assert "together" not in outcome.text


def test_a_project_that_hides_the_failed_test_does_not_pass_strictly(measured, shared_loss):
    """A conftest.py that drops its report is found by the closing check."""
    shared_loss()
    measured.write(
        "conftest.py",
        "import pytest\n"
        "@pytest.hookimpl(tryfirst=True)\n"
        "def pytest_runtest_logreport(report):\n"
        "    if 'pooled' in report.nodeid and 'closing' not in report.nodeid:\n"
        "        report.outcome = 'passed'\n",
    )
    try:
        outcome = resumed(measured, "--formfunc-strict")
    finally:
        (measured.folder / "conftest.py").unlink()
    assert outcome.code == 1, outcome.text
    assert "formfunc-closing-check[pointwise-openvino]" in measured.failures()
