"""Saved runs: read with their history, those of earlier versions too, or refused in one sentence."""

import json
from pathlib import Path

import pytest

from pytest_formfunc.cli import main
from pytest_formfunc.errors import BadInput
from pytest_formfunc.gate.baseline import parse_baseline, read_baseline, read_with_history

DATA = Path(__file__).parents[1] / "data"
OLD = ["saved-by-the-first-version.json", "saved-before-the-rooms.json"]
KEY = ("pointwise-d1-w8-1x3x32x32", "openvino")


@pytest.mark.parametrize("name", OLD)
def test_runs_that_earlier_versions_saved_are_still_read(name):
    """Their records are whole; what those versions did not save has its default."""
    run = read_baseline(DATA / name)
    record = run.records[KEY]
    assert len(run.records) == 2
    assert record.speedup.value > 1
    assert record.native_engine == "native"
    assert record.inferences == 1
    assert record.launches == len(record.native_samples.median) >= 2


def test_what_the_first_version_did_not_save_is_unknown_and_not_zero():
    """A neighbour on the machine cannot be ruled out by a figure that nobody took."""
    first, later = (read_baseline(DATA / name).records[KEY] for name in OLD)
    assert first.noise.native_run_delay_fraction is None
    assert later.noise.native_run_delay_fraction >= 0


@pytest.mark.parametrize("name", OLD)
def test_an_old_run_is_written_as_it_was_read(name):
    """Reading and writing loses nothing of it."""
    document = json.loads((DATA / name).read_text())
    for entry in document["benchmarks"]:
        written = entry["extra_info"]["formfunc"]
        record = parse_baseline(json.dumps(document), name).records[written["case"], written["backend"]]
        again = record.to_json()
        assert {key: again[key] for key in written if key != "noise"} == {
            key: value for key, value in written.items() if key != "noise"
        }
        assert written["noise"].items() <= again["noise"].items()


def test_the_command_shows_and_compares_old_runs(capsys):
    """Both versions' runs of one machine can be told apart and compared."""
    first, later = (str(DATA / name) for name in OLD)
    assert main(["show", first]) == 0
    assert "pointwise-d1-w8-1x3x32x32 on openvino" in capsys.readouterr().out
    assert main(["history", first, later]) == 0
    assert main(["compare", later, later]) == 0
    assert "1 unchanged" in capsys.readouterr().out


def test_history_is_what_was_saved_before_in_the_same_folder(tmp_path):
    """Later runs and files of other programs teach nothing."""
    text = (DATA / OLD[1]).read_text()
    for name, content in (("0001_a", text), ("0002_b", "{}"), ("0003_c", text), ("0004_d", text)):
        (tmp_path / f"{name}.json").write_text(content)
    run = read_with_history(tmp_path / "0003_c.json")
    assert len(run.history[KEY]) == 2
    assert len(run.pool[KEY]) == 1
    assert len(read_with_history(tmp_path / "0004_d.json", [tmp_path / "0001_a.json"]).pool[KEY]) == 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is corrupt: not JSON"),
        ("[]", "is not a pytest-benchmark file"),
        ('{"benchmarks": [{}]}', "is damaged: an entry lacks what pytest-benchmark writes"),
        ('{"benchmarks": [], "machine_info": {}}', "holds no formfunc measurement"),
    ],
)
def test_what_is_no_saved_run_is_one_sentence(text, sentence):
    """With the file's name and what to do."""
    with pytest.raises(BadInput, match=f"baseline file {sentence}.*; remove it or name another run"):
        parse_baseline(text, "file")
