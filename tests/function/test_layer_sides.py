"""Two engines side by side: rows that both compute, whatever each has fused."""

import pytest
from support.records import record

from pytest_formfunc.function.layer_sides import side_by_side
from pytest_formfunc.report.why import explain


def layer(name, seconds, *operators):
    return {"layer": name, "operators": list(operators), "seconds": {"value": seconds}}


def test_layers_that_overlap_are_one_row():
    """One engine fuses a with b, the other b with c: then all three are one row, and d is its own."""
    one = [layer("ab", 1.0, "a", "b"), layer("c", 2.0, "c"), layer("d", 0.5, "d"), layer("Reorder", 0.1)]
    other = [layer("a", 1.5, "a"), layer("bc", 3.5, "b", "c"), layer("d", 0.45, "d")]
    rows = side_by_side(one, other)
    assert [(row.operators, row.seconds) for row in rows] == [
        (("a", "b", "c"), (3.0, 5.0)),
        ((), (0.1, 0.0)),
        (("d",), (0.5, 0.45)),
    ]
    everything = [sum(one["seconds"]["value"] for one in side) for side in (one, other)]
    assert [sum(row.seconds[side] for row in rows) for side in (0, 1)] == pytest.approx(everything)


def test_what_only_one_of_them_has_is_there():
    (row,) = side_by_side([layer("a", 1.0, "a")], [])
    assert row.seconds == (1.0, 0.0)
    assert side_by_side([], []) == []


def test_they_are_said_in_words():
    """With the first engine; damaged files are passed over."""
    found = {"layers": [layer("a", 0.001, "a"), layer("b", 0.001, "b")]}
    other = {"layers": [layer("ab", 0.003, "a", "b")]}
    records = [
        record(0.002, observations={"layers": found}),
        record(0.002, backend="onnxruntime", observations={"layers": other}),
    ]
    told = [one for one in explain(records) if "differ most" in one]
    assert told == ["openvino and onnxruntime differ most in: a; b 2.00 against 3.00 ms"]
    for damaged in ({}, {"layers": 3}, {"layers": [{"operators": [3]}]}):
        records[1] = record(0.002, backend="onnxruntime", observations={"layers": damaged})
        assert not [one for one in explain(records) if "differ most" in one]
