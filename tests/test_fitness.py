"""Which saved run may be a baseline by itself."""

import json
from dataclasses import replace

import pytest
from support.records import CAUSE, record

from pytest_formfunc.fitness import describe_fitness, why_unfit


def saved(tmp_path, **said):
    path = tmp_path / "0001_x.json"
    path.write_text(json.dumps({"benchmarks": [], "formfunc": {"complete": True, "rows": 4, "contended": 0, **said}}))
    return path


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({}, None),
        ({"contended": 1}, None),
        ({"contended": 2}, "claims no speedup for 2 of 4 rows (contended)"),
        ({"complete": False}, "ended before all of its tests did"),
        ({"rows": 0}, None),
    ],
)
def test_partial_and_contended_runs_may_not(tmp_path, said, reason):
    assert why_unfit(saved(tmp_path, **said)) == reason


@pytest.mark.parametrize("text", ["", "{", "[]", '{"formfunc": 3}', '{"formfunc": {"complete": true}}', "[" * 10_000])
def test_what_says_nothing_of_itself_may(tmp_path, text):
    """What reads it next says what is wrong with it."""
    (tmp_path / "x.json").write_text(text)
    assert why_unfit(tmp_path / "x.json") is None
    assert why_unfit(tmp_path / "absent.json") is None


def test_what_a_run_says_of_itself():
    """Native's rows and single calls are not counted."""
    fast = record(0.001)
    contended = replace(fast, noise=replace(fast.noise, contended=True, cause=CAUSE))
    records = [fast, contended, record(0.01, native=True), replace(contended, stopped="once")]
    assert describe_fitness(records, complete=False) == {"complete": False, "rows": 2, "contended": 1, "red": False}
