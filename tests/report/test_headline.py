"""The terminal's report says first what matters, fits the terminal, and says nothing twice."""

import re
from dataclasses import replace

import pytest
from support.records import contended, native_record, record
from support.report_data import matrix

from pytest_formfunc.records.parts import MET, MISSED, Limit, Verdict
from pytest_formfunc.report.headline import headline
from pytest_formfunc.report.screen import Screen, squeeze
from pytest_formfunc.report.terminal import render_report
from pytest_formfunc.results import Comparison, Results


def results_of(*records, **more):
    return Results(records={one.key: one for one in records}, **more)


def judged(status, case="residual-d8-w64", reason="it is slower"):
    return replace(record(0.0025, case=case), verdict=Verdict(status, 0.1, None, reason=reason))


def first(results, columns=100):
    return next(iter(render_report(results, Screen(columns)))).text


def test_what_regressed_comes_first_by_name():
    rows = [judged("regressed", f"slow-{index}") for index in range(5)]
    results = results_of(native_record(), *rows, *(judged("unchanged", f"same-{index}") for index in range(27)))
    results.comparison = Comparison(title="main")
    line = headline(results)
    assert line.text == "5 of 32 regressed: slow-0 on openvino, slow-1 on openvino, slow-2 on openvino and 2 more"
    assert line.markup == {"bold": True, "red": True}
    assert next(iter(render_report(results))).text == line.text


def test_where_none_regressed_what_is_unsure_is_said_and_the_gain():
    results = results_of(judged("unchanged", "a"), judged("unchanged", "b"), judged("inconclusive", "c"))
    text = headline(results).text
    assert text.startswith("None of 3 regressed, 1 inconclusive; openvino is 4.0")
    assert "regressed" not in headline(results_of(record(0.0025))).text


def test_what_was_not_measured_or_missed_its_limit_comes_before_the_gain():
    missed, met = (Limit("min_speedup", 9.0, one, "a reason") for one in (MISSED, MET))
    rows = (replace(record(0.0025, case=name), limits=(limit,)) for name, limit in (("a", missed), ("b", met)))
    failed = {("plain-d2-w8", "openvino"): "it has no rule for it"}
    text = headline(results_of(*rows, failures=failed)).text
    assert text == "1 of 2 limits missed: a on openvino; 1 of 3 not measured: plain-d2-w8 on openvino"


def test_rows_that_claim_nothing_are_counted():
    line = headline(results_of(record(0.0025), contended(record(0.002, case="b"))))
    assert line.text.startswith("1 of 2 rows claims no speedup, because of other work; residual-d8-w64 is 4.0")
    assert line.markup == {"bold": True, "yellow": True}
    every = headline(results_of(contended(record(0.002, case="b"))))
    assert every.text == "1 of 1 row claims no speedup, because of other work"
    assert headline(results_of(never_called=["test_a.py::test_a"])).text == "1 test never called formfunc"


@pytest.mark.parametrize("columns", [80, 100, 132, 200])
def test_the_report_fits_the_terminal(columns):
    """No line is wider; every case has its speedup, and its bar where there is room."""
    lines = [line.text for line in render_report(matrix(), Screen(columns))]
    assert max(map(len, lines)) <= columns
    bars = [line for line in lines if line.endswith(("█", "▏", "▎", "▍", "▌", "▋", "▊", "▉"))]
    assert len(bars) > 30
    headers = [line for line in lines if line.startswith("case ") and "verdict" in line]
    assert [bool(re.search(r" 0 to [\d.]+x$", line)) for line in headers] == [columns > 80] * 2, headers


def test_bars_are_as_long_as_the_speedups():
    lines = [line.text for line in render_report(results_of(record(0.0025, case="a"), record(0.005, case="b")))]
    long, short = (next(line for line in lines if line.startswith(name)).count("█") for name in ("a ", "b "))
    assert long == 30
    assert short in (14, 15, 16)
    plain = [line.text for line in render_report(results_of(record(0.0025, case="a")), Screen(blocks=False))]
    assert any(line.endswith("#" * 30) for line in plain)


def test_a_long_name_has_a_line_of_its_own_in_a_narrow_terminal():
    name = "tests/test_networks.py::test_network[a-rather-long-name-of-a-model-that-somebody-measures]"
    lines = [line.text for line in render_report(results_of(record(0.0025, case=name)), Screen(80))]
    assert name in lines  # wider than the terminal, and whole, to be copied


def test_no_paragraph_is_said_twice():
    lines = [" ".join(line.text.split()) for line in render_report(matrix(), Screen(200))]
    long = [line for line in lines if len(line) > 60 and "█" not in line]
    assert len(long) == len(set(long))
    assert sum("ms and speedup: typical" in line for line in lines) == 1  # there are two tables


def test_a_reason_that_pytest_has_printed_is_not_said_again():
    reason = "residual-d8-w64: openvino lost 15% of its speedup (12% to 18%)"
    results = results_of(judged("regressed", reason=reason))
    results.comparison = Comparison(title="main")
    told = squeeze("E   residual-d8-w64: openvino lost 15% of\nE     its speedup (12% to 18%)\n")
    assert any(reason in line.text for line in render_report(results, Screen(120)))
    assert not any(reason in line.text for line in render_report(results, Screen(120, told=told)))


def test_quietly_only_the_headline_and_the_reasons():
    results = results_of(judged("regressed", "a", "the reason of a"), judged("unchanged", "b", "the reason of b"))
    assert [line.text.strip() for line in render_report(results, quiet=True)] == [
        "1 of 2 regressed: a on openvino", "the reason of a",
    ]  # fmt: skip
