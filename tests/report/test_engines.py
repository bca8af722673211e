"""Forms by engines: one table of a run with several, in the terminal and in files."""

import pytest
from support.records import native_record, record

from pytest_formfunc.report.engines import fit_engines, tabulate_engines
from pytest_formfunc.report.html import render_html
from pytest_formfunc.report.markdown import render_markdown
from pytest_formfunc.results import Results
from pytest_formfunc.stats import Estimate


def one(case, backend, speedup):
    value = Estimate(speedup, speedup / 1.1, 1.1 * speedup)
    return record(0.01 / speedup, case=case, backend=backend, speedup=value, typical_s=Estimate(0.01 / speedup, 0, 1))


def native(case):
    return native_record(case=case)


RECORDS = [
    native("slow"), one("slow", "openvino", 1.5), one("slow", "openvino-int8", 1.2),
    native("quick"), one("quick", "openvino", 6.0), one("quick", "openvino-int8", 13.0),
    native("halved"), one("halved", "openvino", 2.0),
]  # fmt: skip
FAILURES = {("halved", "openvino-int8"): "its outputs disagree"}


def results(records, failures):
    return Results(records={one.key: one for one in records}, failures=failures)


def test_the_greatest_speedup_comes_first_and_the_fastest_engine_is_marked():
    table = tabulate_engines(RECORDS, FAILURES)
    assert table.engines == ("openvino-int8", "openvino")  # by their means over slow and quick, which both have
    assert table.rows[0] == ("quick", "10.0", ("13.0x ±10%*", "6.00x ±10%"))
    assert table.rows[1] == ("halved", "10.0", ("failed", "2.00x ±10%*"))
    assert table.rows[2] == ("slow", "10.0", ("1.20x ±10%", "1.50x ±10%*"))
    title, _, (int8, plain) = table.rows[3]
    assert title == "geometric mean of 2"
    assert int8.startswith("3.95x")  # the root of 13 x 1.2
    assert plain.startswith("3.00x")  # the root of 6 x 1.5


def test_what_was_not_asked_for_is_no_failure():
    table = tabulate_engines(RECORDS, {})
    assert table.rows[1][2] == ("-", "2.00x ±10%*")


def test_one_engine_needs_no_table():
    assert tabulate_engines(RECORDS[:2], {}) is None


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_it_fits_the_terminal_in_parts(columns):
    many = [*RECORDS, *(one("quick", f"engine-number-{index}", 2.0) for index in range(5)),
            one("a_network_with_a_name_that_is_long-1x3x224x224", "openvino", 3.0)]  # fmt: skip
    lines = [*fit_engines(tabulate_engines(many, {}), columns)]
    name = "a_network_with_a_name_that_is_long-1x3x224x224"
    assert name in " ".join(lines)  # whole, on a line of its own where it is wide
    assert max(len(line) for line in lines if line != name) <= columns
    headers = [line for line in lines if line.startswith("case, native ms")]
    assert sum(header.count("engine-number-") for header in headers) == 5
    assert len(headers) > 1


def test_files_have_it_too():
    text = render_markdown(results(RECORDS, FAILURES))
    assert "| quick | 10.0 | 13.0x ±10%\\* | 6.00x ±10% |" in text
    assert "<td>13.0x ±10%*</td><td>6.00x ±10%</td>" in render_html(results(RECORDS, FAILURES))
    assert "openvino-int8" in render_html(results(RECORDS, FAILURES))
    assert "By engine" not in render_html(results(RECORDS[:2], {}))
