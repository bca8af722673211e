"""Saved runs as text."""

from dataclasses import replace

import pytest
from support.records import contended, memory_kept, native_record, record

from pytest_formfunc.records.parts import MET, Limit, ProcessRange, Verdict
from pytest_formfunc.report.saved import render_history, render_saved, render_verdicts
from pytest_formfunc.results import HistoryRow
from pytest_formfunc.stats import Estimate


def test_a_run_has_its_speedups_and_their_mean():
    """The greatest comes first; native alone has no row, and a single call no part in the mean."""
    once = record(0.001, case="once", speedup=Estimate(10.0, 0.0, float("inf"), n=1))
    lines = [*render_saved("run.json", [native_record(), record(0.0025, case="slow"), record(0.00125), once])]
    assert lines[0] == "run.json"
    assert [line.split()[0] for line in lines[1:4]] == ["once", "residual-d8-w64", "slow"]
    assert lines[1].endswith(" -")
    assert lines[4].startswith("geometric mean 5.6")


def test_a_run_shows_what_its_report_showed():
    """Latencies that divide to the speedup, the range by default, limits, and rows that claim nothing."""
    kept = memory_kept(record(0.0025, native_s=0.020, process_range=ProcessRange(7.06, 9.1, 6)), 0.010)
    limited = replace(kept, limits=(Limit("min_speedup", 2.0, MET, "it has 4x"),))
    _, row, limit, busy, mean = render_saved("run.json", [contended(record(0.001, case="busy")), limited])
    title, _, _, native, _, own, _, speedup, *_ = row.split()
    assert title == "residual-d8-w64"
    assert float(native) / float(own) == pytest.approx(float(speedup.removesuffix("x")), rel=0.006)
    assert row.endswith("; 7.1 to 9.1x by default")
    assert limit == "  met: it has 4x"
    assert busy.split() == ["busy", "on", "openvino", "-", "ms", "-", "ms", "contended"]
    assert mean.startswith(f"geometric mean {speedup}")


def test_verdicts_are_listed_and_counted():
    """What is missing is one of them."""
    verdict = Verdict("regressed", 0.1, None, "a on openvino lost speedup")
    lines = [*render_verdicts({("a", "openvino"): verdict}, [("b", "openvino")])]
    assert lines == [
        "regressed: a on openvino lost speedup", "missing: b on openvino", "verdicts: 1 regressed, 1 missing",
    ]  # fmt: skip
    assert [*render_verdicts({}, [])] == ["verdicts: none"]


def test_history_has_a_row_each():
    """Runs of other machines are said to be left out."""
    rows = [
        HistoryRow("a on openvino", 1, 4.0, 4.0, None, 0.21, 1), HistoryRow("b on openvino", 3, 4.0, 2.0, 0.05, 0.1, 2),
    ]  # fmt: skip
    _, first, second = render_history(rows)
    assert first.split() == ["a", "on", "openvino", "1", "4.00x", "4.00x", "-", "21%"]
    assert second.endswith("2.00x        0.050  10%  (2 machines: the last one's)")
