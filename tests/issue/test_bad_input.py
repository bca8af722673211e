"""What cannot be reported is one sentence and exit code 4, before anything is written."""

import json

import pytest
from support.command import command
from support.records import native_record, record

from pytest_formfunc.journal.lines import COMPLETE, Failure, Header, Row
from pytest_formfunc.journal.writing import JournalWriter

CASE = "residual-d8-w64"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a saved run of hand-made records, and a journal in which one case failed."""
    rows = [
        native_record(),
        record(0.0025),
        record(0.0025, backend="onnxruntime"),
        record(0.0025, case="plain-d8-w64"),
        native_record(case="alone-d8-w64"),
        record(0.0025, case="t.py::test_net", form={"kind": "model", "name": "Net"}),
    ]
    entries = [
        {"fullname": f"t.py::{one.case}", "stats": {"mean": 1.0}, "extra_info": {"formfunc": one.to_json()}}
        for one in rows
    ]
    (tmp_path / "run.json").write_text(json.dumps({"machine_info": {}, "benchmarks": entries}))
    writer = JournalWriter(tmp_path / "run.jsonl", Header("now", "2026", "nets", "here"))
    writer.add(Row(rows[3], "i", "t.py::test", "plain-d8-w64", 1.0, 2.0))
    writer.fail(Failure(CASE, "openvino", "it has no operator MatrixInverse"))
    writer.end(COMPLETE)
    writer.close()
    (tmp_path / "there.zip").write_text("somebody's")
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("absent.json", CASE), "absent.json cannot be read"),
        (("absent.jsonl", CASE), "absent.jsonl"),
        (("run.json", "residual-d8-w65"), f"has no case 'residual-d8-w65': did you mean {CASE!r}?"),
        (("run.json", CASE), "on several backends: name one by --backend openvino or onnxruntime"),
        (("run.json", CASE, "--backend", "tensorrt"), "there is native, openvino, onnxruntime"),
        (("run.json", "alone-d8-w64"), "measured alone-d8-w64 on native alone"),
        (("run.jsonl", CASE), "did not measure residual-d8-w64 on openvino: it has no operator MatrixInverse"),
        (("run.json", "plain-d8-w64", "--output", "there.zip"), "there.zip is there already"),
        (("run.json", "plain-d8-w64", "--output", "none/new.zip"), "there is no folder"),
        (("run.json", "plain-d8-w64", "--output", "file/new.zip"), "file/new.zip cannot be"),
        (("run.json", "plain-d8-w64", "--output", "new.tar"), "must end in .zip"),
        (("run.json", "plain-d8-w64", "--output", f"{'x' * 300}.zip"), "cannot be looked at"),
    ],
)
def test_it_is_one_sentence(here, arguments, sentence):
    before = {path.name: path.read_bytes() for path in here.iterdir()}
    outcome = command("issue", *arguments)
    assert outcome.code == 4
    assert sentence in outcome.text
    assert len(outcome.text.strip().splitlines()) == 1
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before


def test_a_case_has_to_be_named(here):
    with pytest.raises(SystemExit, match="4"):
        command("issue", "run.json")


def test_a_folder_that_may_not_be_written_to(here, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    outcome = command("issue", "run.json", "plain-d8-w64", "--output", "new.zip")
    assert outcome.code == 4
    assert "new.zip cannot be written: you may not write to" in outcome.text


@pytest.mark.engine
def test_a_model_that_an_old_run_does_not_name_is_gone(here):
    """A run of an earlier version has no artifact; a model of a test's own cannot be found by it."""
    outcome = command("issue", "run.json", "t.py::test_net", "--output", "new.zip")
    assert outcome.code == 4
    assert "the model of t.py::test_net is gone" in outcome.text
    assert "measure it again: pytest 't.py::t.py::test_net'" in outcome.text
    assert not (here / "new.zip").exists()
