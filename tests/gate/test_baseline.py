"""Saved runs, also of earlier versions, are read with their history or refused in one sentence."""

import dataclasses
import json
import math
from pathlib import Path
from statistics import fmean

import pytest

from pytest_formfunc.cli import main
from pytest_formfunc.errors import BadInput
from pytest_formfunc.gate.baseline import Baseline, parse_baseline, read_baseline, read_with_history
from pytest_formfunc.gate.error_budget import Family
from pytest_formfunc.gate.judge import Evidence
from pytest_formfunc.gate.saved import SavedJudge
from pytest_formfunc.records import METHOD, METHOD_DRAWN
from pytest_formfunc.report.figures import native_ms, own_ms
from pytest_formfunc.stats.pairs import launch_logs

DATA = Path(__file__).parents[1] / "data"
OLD = ["saved-by-commit-d1608b6.json", "saved-by-commit-6cacabd.json"]  # the first version, and a later one
KEY = ("pointwise-d1-w8-1x3x32x32", "openvino")


@pytest.mark.parametrize("name", OLD)
def test_runs_that_earlier_versions_saved_are_still_read(name):
    """Their records are complete, with defaults for what those versions did not save."""
    run = read_baseline(DATA / name)
    record = run.records[KEY]
    assert len(run.records) == 2
    assert record.speedup.value > 1
    assert record.native_engine == "native"
    assert record.inferences == 1
    assert record.launches == len(record.native_samples.median) >= 2


def test_what_the_first_version_did_not_save_is_unknown_and_not_zero():
    """A figure that was not measured must not rule out that other work disturbed the run."""
    first, later = (read_baseline(DATA / name).records[KEY] for name in OLD)
    assert first.noise.native_run_delay_fraction is None
    assert later.noise.native_run_delay_fraction >= 0


@pytest.mark.parametrize("name", OLD)
def test_an_old_run_is_not_compared_with_a_new_one(name):
    """It was measured by another method, which it does not name; one sentence says so, and what to do."""
    then = read_baseline(DATA / name).records[KEY]
    assert then.method == METHOD_DRAWN == "one server, heap layouts drawn"
    assert (then.speedup_memory_kept, then.process_range, then.noise.contended) == (None, None, False)
    now = dataclasses.replace(then, method=METHOD, servers=tuple(range(then.launches)))
    baseline = Baseline("old", {KEY: then}, {}, {KEY: (then,)}, {KEY: (then,)})
    verdict = SavedJudge(baseline, Family(1)).judge(Evidence(KEY, record=lambda: now), 0.1).verdict
    assert verdict.status == "not comparable"
    assert (
        verdict.reason == f"the baseline was measured by another method ({METHOD_DRAWN}; now {METHOD}): save a new one"
    )


@pytest.mark.parametrize("name", OLD)
def test_the_milliseconds_of_an_old_run_divide_to_the_ratio_of_its_rounds(name):
    """To the digits that are printed; the first version's speedup was the median ratio of them."""
    record = read_baseline(DATA / name).records[KEY]
    logs = launch_logs(record.native_samples.median, record.samples.median)
    assert float(native_ms(record)) / float(own_ms(record)) == pytest.approx(math.exp(fmean(logs)), rel=0.02)


@pytest.mark.parametrize("name", OLD)
def test_an_old_run_is_written_as_it_was_read(name):
    """Reading and writing a record loses nothing of it."""
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
    """Runs of both versions on one machine are listed separately and can be compared."""
    first, later = (str(DATA / name) for name in OLD)
    assert main(["show", first]) == 0
    assert "pointwise-d1-w8-1x3x32x32 on openvino" in capsys.readouterr().out
    assert main(["history", first, later]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[3] == "2"  # two runs, measured independently
    assert main(["compare", later, later]) == 0
    text = capsys.readouterr().out
    assert "1 unchanged" in text
    assert "neither latency moved" in text


def test_the_history_is_what_was_saved_before_in_the_same_folder(tmp_path):
    """Later runs and files of other programs do not belong to it."""
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
def test_a_file_that_is_not_a_saved_run_is_one_sentence(text, sentence):
    """The message names the file and says what to do."""
    with pytest.raises(BadInput, match=f"baseline file {sentence}.*; remove it or name another run"):
        parse_baseline(text, "file")
