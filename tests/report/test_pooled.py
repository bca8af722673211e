"""What cases lost together, in every format that speaks of verdicts."""

import html
from dataclasses import replace

import pytest
from support.pools import compared

from pytest_formfunc.gate.pooled import pooled_losses_of
from pytest_formfunc.report.annotations import render_annotations
from pytest_formfunc.report.headline import headline
from pytest_formfunc.report.html import render_html
from pytest_formfunc.report.markdown import render_markdown
from pytest_formfunc.report.screen import Screen, squeeze
from pytest_formfunc.report.terminal import render_report
from pytest_formfunc.results import Comparison, Results


def results_of(loss):
    records = [compared("fire", size, loss, turn=size) for size in (2, 4, 8)]
    found = Results(records={one.key: one for one in records}, pooled=pooled_losses_of(records))
    found.comparison = Comparison(title="v1", false_alarm=0.01, asked=tuple(found.records))
    return found


RED, TOLD = results_of(0.025), results_of(0.012)
CLAIM = "all 3 cases of fire on openvino together lost 2.5% (2.4% to 2.6%)"


def terminal(results, screen=Screen(columns=2000), **more):  # noqa: B008
    return [line.text for line in render_report(results, screen, **more)]


def test_the_headline_begins_with_it_and_is_red():
    """No row regressed, which is no good news then."""
    line = headline(RED)
    assert line.text == f"A{CLAIM[1:]}; none of 3 regressed by itself, 3 inconclusive"
    assert line.markup["red"]
    assert headline(TOLD).text.startswith("None of 3 regressed, 3 inconclusive; ")


def test_the_terminal_says_the_sentence_once():
    """Unless pytest has said it of the failed test."""
    (pool,) = RED.pooled
    assert [line for line in terminal(RED) if pool.sentence in line] == [f"together: {pool.sentence}"]
    told = Screen(columns=2000, told=squeeze(pool.sentence))
    assert not any(pool.sentence in line for line in terminal(RED, told))


def test_briefly_only_what_is_red_is_said():
    assert f"  {RED.pooled[0].sentence}" in terminal(RED, quiet=True)
    assert not any(TOLD.pooled[0].sentence in line for line in terminal(TOLD, quiet=True))
    assert f"together: {TOLD.pooled[0].sentence}" in terminal(TOLD)


@pytest.mark.parametrize("results", [RED, TOLD])
def test_files_have_the_sentence(results):
    """The answer, which comes first, has what is red."""
    sentence = results.pooled[0].sentence
    written, page = render_markdown(results), html.unescape(render_html(results))
    assert sentence in written.replace("\\", "")
    assert sentence in page
    answer = f"Against v1, none of 3 judged rows regressed; {CLAIM}."
    assert (answer in written.replace("\\", ""), answer in page) == ((True, True) if results is RED else (False, False))


def test_it_is_an_error_of_the_job():
    lines = list(render_annotations(RED))
    (error,) = [line for line in lines if line.startswith("::error")]
    assert error.startswith("::error title=fire-openvino%3A lost together::all 3 cases of fire on openvino together")
    assert not any(line.startswith("::error") for line in render_annotations(TOLD))


def test_without_pools_nothing_is_said():
    without = replace(RED, pooled=[])
    assert not any("together" in text for text in [*terminal(without), render_markdown(without)])
    assert headline(without).text.startswith("None of 3 regressed, 3 inconclusive")
