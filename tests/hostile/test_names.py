"""Names in files are text: no command to a terminal, to Markdown, to a browser, to a spreadsheet, or to a build server."""

import csv
import io
import json
from collections import Counter
from html.parser import HTMLParser

import pytest
from support.command import command
from support.records import record

from pytest_formfunc.gate.rules import Rules, why_failed
from pytest_formfunc.records.parts import Verdict
from pytest_formfunc.report.html import render_html
from pytest_formfunc.report.markdown import render_markdown
from pytest_formfunc.report.spreadsheet import render_csv
from pytest_formfunc.report.terminal import render_report
from pytest_formfunc.results import Results
from pytest_formfunc.text import log_line, markdown, printable, spreadsheet

NAMES = [
    "\x1b]0;title\x07\x1b[2Jgone",
    "a\r\nb",
    "::error file=a.py::it is red",
    "##[error]it is red",
    "a | b | c",
    "<script>alert(1)</script>",
    "![x](https://example.org/x.png)",
    "@everyone `code` **bold**",
    "=HYPERLINK(1)",
    "\u202eright to left\u2066",
    "\ud800",
]


def results(name):
    one = record(0.001, case=name, verdict=Verdict("regressed", 0.1, None, f"{name} lost speedup"))
    return Results(records={one.key: one}, failures={(f"{name}2", "openvino"): name}, notes=[name])


@pytest.mark.parametrize("name", NAMES)
def test_a_terminal_and_a_log_see_no_command(name):
    for line in render_report(results(name)):
        assert printable(line.text) == line.text
        assert "\n" not in line.text
        assert not line.text.lstrip().startswith("::")
        assert "##[" not in line.text


@pytest.mark.parametrize("name", NAMES)
def test_a_table_in_markdown_keeps_its_cells_and_runs_nothing(name):
    text = render_markdown(results(name))
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in table[:3]} == {9}
    assert "<script" not in text.replace("\\<", "")
    assert "![" not in text.replace("\\!", "").replace("\\[", "")
    assert "@everyone" not in text


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.text = Counter(), ""

    def handle_starttag(self, tag, attrs):
        self.found[tag] += 1

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_no_tags_of_a_name(name):
    page, harmless = Tags(), Tags()
    page.feed(render_html(results(name)))
    harmless.feed(render_html(results("harmless")))
    assert page.found == harmless.found
    assert not {"img", "a", "i", "b"} & {*page.found}
    assert printable(name) in page.text


@pytest.mark.parametrize("name", NAMES)
def test_a_spreadsheet_takes_no_name_for_a_formula(name):
    rows = list(csv.reader(io.StringIO(render_csv(results(name)))))
    assert len(rows) == 2
    assert rows[1][0] == spreadsheet(name)
    assert not rows[1][0].startswith(("=", "+", "@"))


@pytest.mark.parametrize("name", NAMES[:-1])
def test_the_command_prints_names_of_a_saved_run_as_text(tmp_path, name):
    one = record(0.001, case=name)
    entry = {"fullname": name, "name": name, "stats": {"mean": 1.0}, "extra_info": {"formfunc": one.to_json()}}
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"machine_info": {}, "benchmarks": [entry]}))
    outcome = command("show", path)
    assert outcome.code == 0, outcome.text
    assert all(log_line(line) == line for line in outcome.text.splitlines())
    assert len(outcome.text.splitlines()) == 3


def test_what_people_write_stays_as_it_is():
    for name in ("größe-d2", "ネット", "test_a.py::test_b[x-1]", "a_b.c-d/e", "नमस्ते", "👩‍💻"):
        assert printable(name) == log_line(name) == name
    assert markdown("residual_bottleneck-d8-w64-1x3x224x224") == "residual_bottleneck-d8-w64-1x3x224x224"
    assert [spreadsheet(text) for text in ("-", "", "3.4x (3.1 to 3.6)")] == ["-", "", "3.4x (3.1 to 3.6)"]


def test_sentences_of_failed_tests_are_of_one_line():
    """As pytest's own output, JUnit and GitHub's annotations show them."""
    one = record(0.001, case="a\n::error::b")
    reason = why_failed(one, Verdict("new", 0.1, None, "x"), (), Rules(("loss",), strict=True), timed=True)
    assert "\n" not in log_line(reason)
