"""The report as a file: each format says the same, names cannot inject, and bad places are refused beforehand."""

import csv
import io
import json
from dataclasses import replace

import pytest
from support.project import MATRIX
from support.records import CAUSE, contended, memory_kept, native_record, record
from support.report_data import matrix

from pytest_formfunc.errors import BadInput, FormfuncError
from pytest_formfunc.option_specs import PICTURES, REPORT_FORMATS
from pytest_formfunc.records import Record
from pytest_formfunc.records.parts import Factor, ProcessRange, Verdict
from pytest_formfunc.report import charts
from pytest_formfunc.report.annotations import render_annotations
from pytest_formfunc.report.files import check_report_path, write_report
from pytest_formfunc.report.markdown import COMMENT, SUMMARY
from pytest_formfunc.results import Results
from pytest_formfunc.stats import Estimate
from pytest_formfunc.units import format_estimate

FULL_DISK = """
import errno, pathlib


def full(path, *args, **kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


pathlib.Path.write_bytes = full
"""
NATIVE = native_record()


def results(*records):
    return Results(records={one.key: one for one in (NATIVE, *records)})


@pytest.mark.parametrize("ending", [one for one in REPORT_FORMATS if one not in PICTURES])
def test_every_format_has_the_case_and_its_verdict(tmp_path, ending):
    """A folder that is not there is made. Tools that follow benchmarks over commits have no place for a verdict."""
    judged = replace(record(0.0025), verdict=Verdict("unchanged", 0.1, None, "it kept its speedup"))
    text = write_report(results(judged), tmp_path / "new" / f"out{ending}").read_text()
    assert "residual-d8-w64" in text
    assert ("unchanged" in text) == (ending not in (".bmf.json", ".bigger.json"))


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
    words = {"case", "backend", "pattern", "verdict", "contended", "why"}
    for name, cell in zip(header, rows[0], strict=True):
        if name not in words and cell:
            float(cell)  # a number a cell
    found = dict(zip(header, rows[0], strict=True))
    assert float(found["speedup_low"]) < float(found["speedup"]) < float(found["speedup_high"])
    assert float(found["native_ms"]) / float(found["accelerated_ms"]) == pytest.approx(
        float(found["speedup"]), rel=1e-4
    )


def test_what_claims_nothing_has_empty_cells(tmp_path):
    """In a spreadsheet, and nothing in the formats of other tools."""
    disturbed = results(contended(record(0.0025)))
    header, row = csv.reader(io.StringIO(write_report(disturbed, tmp_path / "out.csv").read_text()))
    found = dict(zip(header, row, strict=True))
    assert (found["speedup"], found["accelerated_ms"], found["contended"], found["why"]) == ("", "", "contended", CAUSE)
    for ending, empty in ((".bmf.json", {}), (".bigger.json", [])):
        assert json.loads(write_report(disturbed, tmp_path / f"out{ending}").read_text()) == empty


def test_tools_that_follow_benchmarks_get_speedups_with_intervals(tmp_path):
    """Bencher's metric format, and github-action-benchmark's customBiggerIsBetter."""
    made = record(0.0025)
    (name, measures), *more = json.loads(write_report(results(made), tmp_path / "out.bmf.json").read_text()).items()
    assert (name, more) == ("residual-d8-w64 on openvino", [])
    speedup, latency = measures["speedup"], measures["latency"]
    assert speedup == {"value": made.speedup.value, "lower_value": made.speedup.low, "upper_value": made.speedup.high}
    assert latency["value"] == pytest.approx(2.5e6, rel=0.05)  # nanoseconds
    (one,) = json.loads(write_report(results(made), tmp_path / "out.bigger.json").read_text())
    assert (one["name"], one["unit"], one["value"]) == ("residual-d8-w64 on openvino", "x", made.speedup.value)


def test_a_comment_has_the_worst_first_and_room_for_what_matters(tmp_path):
    """3,200 rows: what regressed is above the fold, and the file is what GitHub takes."""
    whole = matrix(tuple(f"pattern{at}" for at in range(400)), depths=(2, 8), widths=(16, 64))
    comment = write_report(whole, tmp_path / "out.comment.md").read_text()
    summary = write_report(whole, tmp_path / "out.md").read_text()
    assert len(comment.encode()) <= COMMENT
    assert len(summary.encode()) <= SUMMARY
    for text in (comment, summary):
        assert text.startswith("openvino is ")
        above, fold, below = text.partition("<details>")
        assert fold
        assert above.count("| regressed |") == 20
        assert "more rows do not fit here" in below or text is summary
        assert text.count("<details>") == text.count("</details>")
    assert "more rows do not fit here" in comment


@pytest.mark.parametrize("ending", PICTURES)
def test_each_chart_is_a_picture_of_its_own(tmp_path, ending):
    """With its name before the ending."""
    if not charts.are_possible():
        pytest.skip(charts.EXTRA)
    first = write_report(matrix(("plain", "dense")), tmp_path / f"plots{ending}")
    made = {path.name.removeprefix("plots-").removesuffix(ending): path.read_bytes() for path in tmp_path.iterdir()}
    assert first.exists()
    assert {"latency", "verdicts", "forms-0", "forms-1", "engines", "roofline"} <= set(made)
    for content in made.values():
        assert content.startswith(b"<svg" if ending == ".svg" else b"\x89PNG")
        assert b"plain" in content or ending == ".png" or b"openvino" in content
    with pytest.raises(FormfuncError, match="there is nothing to draw"):
        write_report(Results(), tmp_path / f"none{ending}")


def test_without_the_extra_there_are_tables_and_one_line(tmp_path, monkeypatch):
    """A picture is refused before anything is measured."""
    monkeypatch.setattr(charts, "are_possible", lambda: False)
    text = write_report(matrix(("plain",)), tmp_path / "out.html").read_text()
    assert text.count("pip install &#x27;pytest-formfunc[report]&#x27;") == 1
    assert "<figure" not in text
    assert "By pattern, depth and width" in text
    assert text.count("<table") >= 5
    with pytest.raises(BadInput, match=r"out\.svg: charts need the extra report"):
        check_report_path(tmp_path / "out.svg")


def test_a_history_is_of_several_runs_and_keeps_machines_apart(tmp_path):
    """The lines of two machines are not joined, and one run has no history."""
    now, other = matrix(("plain",)), matrix(("plain",))
    other.records = {key: replace(one, fingerprint="elsewhere") for key, one in other.records.items()}
    assert "Over runs" not in write_report(now, tmp_path / "one.html").read_text()
    now.runs = {"then": now.records, "elsewhere": other.records, "now": now.records}
    text = write_report(now, tmp_path / "three.html").read_text()
    section = text.partition("Over runs")[2]
    assert "<td>elsewhere</td><td>2</td>" in section
    assert "<td>then</td><td>1</td>" in section


def test_annotations_are_commands_that_no_name_can_end():
    """The worst first, at the line of the test, and ten at most."""
    found = matrix()
    found.tests = {key: f"tests/test_net.py::test_{key[0]}" for key in found.records}
    lines = [*render_annotations(found, dict.fromkeys(found.tests.values(), 7))]
    assert len(lines) == 11
    assert lines[0].startswith("::error file=tests/test_net.py,line=7,title=plain-d2-w64 on onnxruntime%3A regressed::")
    assert lines[-1].endswith("more are in the report")
    hostile = results(
        replace(record(0.0025, case="a::b,c%\n::error::d"), verdict=Verdict("regressed", 0.1, None, "x\ny"))
    )
    (line,) = render_annotations(hostile)
    assert "\n" not in line
    assert line.count("::") == 2


def test_one_record_and_none_at_all_are_pages(tmp_path):
    """Sections without data are absent."""
    text = write_report(results(record(0.0025)), tmp_path / "one.html").read_text()
    assert "residual-d8-w64 is " in text
    for absent in ("Native against accelerated latency", "By engine", "Roofline", "Against", "Latency over width"):
        assert f"<h2>{absent}" not in text
    nothing = write_report(results(contended(record(0.0025))), tmp_path / "none.html").read_text()
    assert "The one row claims no speedup: other work disturbed the machine." in nothing
    assert "By pattern, depth and width" not in nothing


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


@pytest.mark.parametrize("ending", [".md", ".html"])
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
    assert "<script>alert" not in text
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
