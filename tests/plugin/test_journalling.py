"""The journal of real runs: written while they measure, continued after they were killed, read like a saved run."""

import json
import os
import signal
import time

import pytest
from support.project import Project, make_bench

from pytest_formfunc.journal.folder import read_with_parts
from pytest_formfunc.journal.reading import read_journal

FORMS = ("--formfunc-patterns", "plain,pointwise", "--formfunc-depths", "1,2", "--formfunc-widths", "8")
ONE = ("--formfunc-patterns=plain", "--formfunc-depths=1", "--formfunc-widths=8")
ROWS = 8  # two patterns, two depths, native and one engine


def journals(project):
    return sorted((project.cache / "runs").glob("*.jsonl"))


@pytest.fixture
def own_cache(tmp_path, artifact_cache):
    """A project whose journals are its own, with the artifacts of all tests."""
    cache = tmp_path / "cache"
    cache.mkdir()
    one = make_bench(Project(tmp_path, cache))
    for made in artifact_cache.glob("p*-d[123]-w8*"):
        (cache / made.name).symlink_to(made)
    return one


@pytest.mark.engine
def test_a_run_leaves_its_journal_and_the_command_reads_it(own_cache):
    """Every row, the test that it is of, and that the run ended."""
    outcome = own_cache.measure(*FORMS, "--benchmark-json=out.json")
    assert outcome.code == 0, outcome.text
    (path,) = journals(own_cache)
    assert outcome.line("journal:") == f"journal: cache/runs/{path.name}"
    journal = read_journal(path)
    assert (journal.ended, len(journal.rows), journal.failures) == ("complete", ROWS, {})
    assert {key: row.record.to_json() for key, row in journal.rows.items()} == own_cache.records("out.json")
    row = journal.rows["plain-d1-w8-1x3x32x32", "openvino"]
    assert row.test == "test_forms.py::test_form[plain-d1-w8-1x3x32x32-openvino]"
    assert (row.group, row.fail_on) == ("plain-d1-w8-1x3x32x32", ("loss",))
    assert row.measuring_s > 0


@pytest.mark.engine
def test_an_interrupted_run_is_continued_and_measures_only_the_rest(own_cache):
    """Ctrl-C after the first tests: the rows that are there come back as they are."""
    own_cache.write(
        "conftest.py",
        "def pytest_runtest_logreport(report):\n"
        "    if report.when == 'call' and 'own' in report.nodeid and 'openvino' in report.nodeid:\n"
        "        raise KeyboardInterrupt\n",
    )
    own_cache.write(
        "test_own.py",
        "import torch\n"
        "def net(width):\n"
        "    torch.manual_seed(0)\n"
        "    return torch.nn.Conv2d(3, width, 3)\n"
        "def test_own(formfunc, formfunc_backend):\n"
        "    formfunc(net(8), torch.ones(1, 3, 16, 16))\n"
        "def test_other(formfunc, formfunc_backend):\n"
        "    formfunc(net(16), torch.ones(1, 3, 16, 16))\n",
    )
    first = own_cache.measure("test_own.py", "--benchmark-autosave")
    assert first.code == 2, first.text
    (path,) = journals(own_cache)
    before = read_journal(path)
    assert (before.ended, len(before.rows)) == ("interrupted", 2)
    (own_cache.folder / "conftest.py").unlink()
    second = own_cache.measure("test_own.py", "--formfunc-resume", "--benchmark-json=out.json")
    assert second.code == 0, second.text
    assert journals(own_cache) == [path]
    after = read_journal(path)
    assert (after.ended, after.continued, len(after.rows)) == ("complete", 1, 4)
    for key, row in before.rows.items():
        assert after.rows[key].record.to_json() == row.record.to_json() == own_cache.records("out.json")[key]
    assert f"journal: cache/runs/{path.name} is continued, which had 2 rows" in second.text
    assert "journal: 2 of 4 rows are taken over from it" in second.text
    assert "1 stopped by the budget" in second.text or "1 as precise as asked" in second.text


@pytest.mark.engine
def test_a_run_that_is_killed_loses_no_row_that_it_had(own_cache):
    """SIGKILL once some cases are measured; a half line at the end is left out, and no row is there twice."""
    options = ("--formfunc-threads", "1", "--formfunc-input", "1x3x32x32", "--formfunc-budget", "500ms")
    many = ("--formfunc-patterns", "plain", "--formfunc-depths", "1,2,3", "--formfunc-widths", "8")
    process = own_cache.start(*options, *many)
    end = time.monotonic() + 120
    while not journals(own_cache) or len(read_with_parts(journals(own_cache)[0]).rows) < 2:
        assert time.monotonic() < end
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    (path,) = journals(own_cache)
    before = read_journal(path)
    assert before.ended == ""
    with path.open("ab") as file:
        file.write(b'{"record": {"schema": 1, "ca')
    outcome = own_cache.pytest(
        *options, *many, "--formfunc-servers", "3", f"--formfunc-cache-dir={own_cache.cache}", "--formfunc-resume",
        "--benchmark-json=out.json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.text
    assert "; its last line was half written and is left out" in " ".join(outcome.text.split())
    after = read_journal(path)
    assert (len(after.rows), after.ended) == (6, "complete")
    for key, row in before.rows.items():
        assert after.rows[key].record.to_json() == row.record.to_json()
    assert f"journal: {len(before.rows)} of 6 rows are taken over from it" in outcome.text
    assert len(json.loads((own_cache.folder / "out.json").read_text())["benchmarks"]) == 6


@pytest.mark.engine
def test_a_partial_run_is_no_baseline_by_itself(own_cache):
    """It is if it is named."""
    own_cache.write(
        "conftest.py",
        "def pytest_runtest_logreport(report):\n    if report.when == 'call':\n        raise KeyboardInterrupt\n",
    )
    assert own_cache.measure(*ONE, "--benchmark-autosave").code == 2
    (own_cache.folder / "conftest.py").unlink()
    (saved,) = own_cache.saved()
    assert json.loads(saved.read_text())["formfunc"]["complete"] is False
    outcome = own_cache.measure(*ONE, "--benchmark-compare")
    words = " ".join(outcome.text.split())
    assert outcome.code == 0, outcome.text
    assert f"saved run {saved.stem} is not the baseline, because it ended before all of its tests did" in words
    assert "verdicts:" not in words
    strict = own_cache.pytest(*ONE, "--benchmark-compare", "--formfunc-strict")
    assert (strict.code, "is not the baseline, because it ended before" in " ".join(strict.text.split())) == (4, True)
    named = own_cache.measure(*ONE, "--benchmark-compare=0001")
    assert "verdicts:" in named.text


@pytest.mark.engine
@pytest.mark.parametrize(
    ("options", "prepare", "sentence"),
    [
        (("--formfunc-journal=x.jsonl", "--formfunc-resume"), None, "there is no journal"),
        (("--formfunc-journal=x.jsonl",), "{}\n", "exists: continue it with --formfunc-resume, or name another file"),
        (("--formfunc-journal=x.jsonl", "--formfunc-resume"), "{}\n", "is not a journal"),
        (("--formfunc-journal=x.jsonl", "--formfunc-resume"), '{"journal": 7}\n', "is a journal of schema 7"),
        (("--formfunc-journal=test_forms.py/x.jsonl",), None, "cannot be written: its folder is a file"),
        (("--formfunc-shard=9/8",), None, "shard '9/8' is not a part of a whole: write 3/8 for the third of eight"),
        (("--formfunc-shard=3",), None, "shard '3' is not a part of a whole"),
        (("--formfunc-shard=\u00b3/8",), None, "is not a part of a whole"),
        (("--formfunc-shard=1/1000000000",), None, "with at most 100000 parts"),
        (("--formfunc-cores=\u00b2",), None, "is out of range"),
        (("--formfunc-cores=1000",), None, "cores '1000' is out of range"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_measured(bench, options, prepare, sentence):
    if prepare is not None:
        bench.write("x.jsonl", prepare)
    outcome = bench.pytest(f"--formfunc-cache-dir={bench.cache}", "--formfunc-backends=native", *options)
    assert (outcome.code, sentence in outcome.text) == (4, True), outcome.text
    assert "Traceback" not in outcome.text


@pytest.mark.engine
def test_a_journal_of_something_else_is_refused_or_taken_for_nothing(own_cache):
    """Another project or machine is an error; other settings are measured again."""
    one = (*ONE, "--formfunc-journal=one.jsonl", "--benchmark-disable")
    own_cache.measure(*one)
    path = own_cache.folder / "one.jsonl"
    text = path.read_text()
    first, rest = text.split("\n", 1)
    for name, value, sentence in [
        ("project", "other", "is of project 'other', and this is"),
        ("fingerprint", "there", "is of another machine (there, and this is"),
    ]:
        path.write_text(json.dumps({**json.loads(first), name: value}) + "\n" + rest)
        outcome = own_cache.pytest(*one, f"--formfunc-cache-dir={own_cache.cache}", "--formfunc-resume")
        assert (outcome.code, sentence in outcome.text) == (4, True), outcome.text
    path.write_text(text)
    outcome = own_cache.measure(*one, "--formfunc-resume", "--formfunc-seed=1")
    assert outcome.code == 0, outcome.text
    assert "rows are taken over" not in outcome.text
    assert len(read_journal(path).rows) == 2
