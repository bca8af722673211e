"""The report as a file: each format says the same, names cannot inject, and bad places are refused beforehand."""

import csv
import io
import json
from dataclasses import replace

import pytest
from support.project import MATRIX
from support.records import CAUSE, contended, memory_kept, native_record, record

from pytest_formfunc.errors import BadInput
from pytest_formfunc.option_specs import REPORT_FORMATS
from pytest_formfunc.records import Record
from pytest_formfunc.records.parts import Factor, ProcessRange, Verdict
from pytest_formfunc.report.files import check_report_path, write_report
from pytest_formfunc.results import Results
from pytest_formfunc.stats import Estimate
from pytest_formfunc.units import format_estimate

FULL_DISK = """
import errno, pathlib


def full(path, *args, **kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


pathlib.Path.write_text = full
"""
NATIVE = native_record()


def results(*records):
    return Results(records={one.key: one for one in (NATIVE, *records)})


@pytest.mark.parametrize("ending", REPORT_FORMATS)
def test_every_format_has_the_case_and_its_verdict(tmp_path, ending):
    """A folder that is not there is made."""
    judged = replace(record(0.0025), verdict=Verdict("unchanged", 0.1, None, "it kept its speedup"))
    text = write_report(results(judged), tmp_path / "new" / f"out{ending}").read_text()
    assert "residual-d8-w64" in text
    assert "unchanged" in text


def test_json_is_every_record_in_full(tmp_path):
    """It is read back as it was."""
    written = json.loads(write_report(results(record(0.0025)), tmp_path / "out.json").read_text())
    assert [Record.from_json(one) for one in written] == [NATIVE, record(0.0025)]


def test_csv_has_a_row_for_each_accelerated_record(tmp_path):
    """The greatest speedup comes first."""
    slow = record(0.005, case="slow")
    text = write_report(results(slow, record(0.0025)), tmp_path / "out.csv").read_text()
    header, *rows = csv.reader(io.StringIO(text))
    assert header[:2] == ["case", "backend"]
    assert [row[0] for row in rows] == ["residual-d8-w64", "slow"]


@pytest.mark.parametrize("ending", [".md", ".html"])
def test_what_has_no_speedup_says_why(tmp_path, ending):
    """A contended row, and what a machine cannot do."""
    results_now = results(contended(record(0.0025)))
    results_now.memory_note = "malloc is that of libjemalloc.so.2"
    text = write_report(results_now, tmp_path / f"out{ending}").read_text()
    assert f"contended: no speedup is claimed, because {CAUSE}." in text
    assert "Memory was not kept on either side, because malloc is that of libjemalloc.so.2" in text
    text = write_report(results(record(0.0025, stopped="precise")), tmp_path / f"out{ending}").read_text()
    assert "contended:" not in text
    assert "Memory was not kept" not in text


@pytest.mark.parametrize("ending", [".md", ".html", ".csv"])
def test_tables_have_the_ranked_speedup_and_the_range_by_default(tmp_path, ending):
    """With memory kept native takes 10 ms, and by default 20 ms."""
    made = memory_kept(record(0.0025, native_s=0.020, process_range=ProcessRange(7.06, 9.1, 6)), 0.010)
    text = write_report(results(made), tmp_path / f"out{ending}").read_text()
    assert format_estimate(made.speedup_memory_kept) in text
    assert format_estimate(made.speedup) not in text
    assert "7.1 to 9.1x" in text


def test_names_are_text_in_html(tmp_path):
    """A case's name may hold anything."""
    named = record(0.0025, case="<script>alert(1)</script>")
    text = write_report(results(named), tmp_path / "out.html").read_text()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.engine
def test_a_disk_that_is_full_is_one_line(project):
    """After everything was measured, the results on the screen stand."""
    project.write("conftest.py", FULL_DISK)
    project.write("test_forms.py", MATRIX)
    outcome = project.measure("--formfunc-patterns", "pointwise", "--formfunc-depths", "1", "--formfunc-widths", "8",
                              "--formfunc-report", "out.md", "--benchmark-disable")  # fmt: skip
    assert outcome.code == 0, outcome.text
    assert "out.md: No space left on device" in " ".join(outcome.text.split())
    assert "Traceback" not in outcome.text


def test_nothing_measured_is_said(tmp_path):
    """A report of failures only has an empty table."""
    empty = Results(failures={("a", "openvino"): "it failed"})
    assert "Nothing was measured." in write_report(empty, tmp_path / "out.md").read_text()


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    """Before anything is measured."""
    with pytest.raises(BadInput, match="is a folder: name a file in it"):
        check_report_path(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        check_report_path(tmp_path / "file" / "out.md")
    check_report_path(tmp_path / "new" / "out.md")


def test_the_page_has_sections_of_what_explains_a_speedup(tmp_path):
    """Layers, the waterfall and advice, each absent where nothing is known of it; names cannot inject."""
    ratio = {"value": 2.0, "low": 1.5, "high": None, "level": 0.95, "n": 3}
    seconds = {"value": 0.002, "low": 0.001, "high": 0.003, "level": 0.95, "n": 3}
    layer = {
        "layer": "<b>stem", "operators": ["conv2d"], "members": ["stem: conv2d"], "macs": 2_000_000, "moved_bytes": 4096,
        "steps": ["conv"], "kernels": ["jit"], "precisions": ["f32"], "layouts": ["nhwc"], "seconds": seconds,
        "native_seconds": seconds, "speedup": ratio, "share_of_roof": 0.5, "bound_by": "peak",
    }  # fmt: skip
    advice = {
        "gained": [{"lint": "threads", "advice": "one thread in place of 2", "exact": True, "gain": ratio}],
        "not_gained": [], "contended": [], "not_built": {}, "symptoms": [],
    }  # fmt: skip
    made_of = (Factor("layout", "native", "native-nhwc", Estimate(1.5, 1.4, 1.6)),)
    one = record(
        0.0025, waterfall=made_of,
        observations={"layers": {"layers": [layer], "unattributed_s": seconds}, "advice": advice},
    )  # fmt: skip
    text = write_report(results(one), tmp_path / "out.html").read_text()
    for words in ("Layer by layer", "&lt;b&gt;stem", "50%", "unattributed", "How speedups are made", "1.50x (1.40 to",
                  "What would make it faster", "faster with one thread in place of 2"):  # fmt: skip
        assert words in text, words
    plain = write_report(results(record(0.0025)), tmp_path / "plain.html").read_text()
    assert not any(title in plain for title in ("Layer by layer", "How speedups", "What would make"))
    damaged = record(0.0025, observations={"layers": {"layers": [{}]}, "advice": {"gained": 3}})
    assert "Layer by layer" not in write_report(results(damaged), tmp_path / "damaged.html").read_text()
