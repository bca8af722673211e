"""Of two sides' rules the stricter one holds."""

import pytest
from support.records import record

from pytest_formfunc.gate.closing import faults_of
from pytest_formfunc.journal.lines import COMPLETE, INTERRUPTED, Header, Row
from pytest_formfunc.policy import Policy, read_policies, stricter
from pytest_formfunc.records.parts import Verdict

HERE = Policy(0.1, ("loss",), 2.0, 0.005)
NOBODY = [].__contains__


@pytest.mark.parametrize(
    ("there", "held", "clauses"),
    [
        (Policy(0.1, ("loss",), 2.0, 0.005), HERE, []),
        (Policy(0.2, ("loss",), 1.5, 0.006), HERE, []),
        (Policy(0.05, ("loss",), 2.0, 0.005), Policy(0.05, ("loss",), 2.0, 0.005), ["threshold 10%, there 5%"]),
        (
            Policy(0.1, ("loss", "gain"), 3.0, 0.004),
            Policy(0.1, ("loss", "gain"), 3.0, 0.004),
            ["fail_on loss, there loss,gain", "min_speedup 2.00x, there 3.00x", "max_latency 5.00 ms, there 4.00 ms"],
        ),
        (Policy(0.1, ("loss",)), HERE, []),
    ],
)
def test_the_stricter_rule_holds(there, held, clauses):
    found, loosened = stricter(HERE, there, NOBODY)
    assert (found, [one.clause for one in loosened]) == (held, clauses)


def test_a_limit_that_was_taken_out_holds():
    found, loosened = stricter(Policy(0.1), HERE, NOBODY)
    assert found == HERE
    assert [one.name for one in loosened] == ["min_speedup", "max_latency"]
    assert loosened[0].clause == "min_speedup none, there 2.00x"


def test_what_is_accepted_is_as_this_side_has_it():
    found, loosened = stricter(Policy(0.5), Policy(0.1, ("loss", "gain")), ["threshold"].__contains__)
    assert (found.threshold, [one.name for one in loosened]) == (0.5, ["fail_on"])


@pytest.mark.parametrize(
    "entries", [[{}], [1], 7, [{"case": "a", "backend": "b", "threshold": "x", "fail_on": [], "min_speedup": None}]]
)
def test_what_a_saved_run_says_of_its_rules_is_checked(entries):
    with pytest.raises((KeyError, TypeError, ValueError)):
        read_policies(entries)


KEY = ("a", "openvino")
HEADER = Header("r", "2026", "p", "f", title="v1", planned=(KEY,), tests=("t.py::test_a[openvino]",))


def faults(rows, header=HEADER, failures=(), *, ended=COMPLETE, strict=True):
    found = faults_of(header, rows, dict(failures), ended=ended, strict=strict)
    return [(one.name, one.sentence.partition(":")[0], one.tests) for one in found]


def row(status):
    verdict = None if status is None else Verdict(status, 0.1, None, f"it is {status}")
    return {KEY: Row(record(0.001, case="a", verdict=verdict), "i", group="a", fail_on=("loss",))}


def test_the_closing_check_finds_what_fails_a_run():
    test = ("t.py::test_a[openvino]",)
    assert faults(row("unchanged")) == []
    assert faults(row("regressed")) == [("a on openvino", "it is regressed", test)]
    assert faults(row("regressed"), strict=False) == [("a on openvino", "it is regressed", test)]
    assert faults({}) == [("a on openvino", "a on openvino has no row", test)]
    assert faults({}, strict=False) == []
    assert faults({}, failures={KEY: "it broke"}.items()) == [("a on openvino", "a on openvino was not measured", test)]
    assert [name for name, _, _ in faults(row("unchanged"), ended=INTERRUPTED)] == ["unfinished"]
    assert [name for name, _, _ in faults(row(None))] == ["a on openvino"]
    assert [name for name, _, _ in faults(row("inconclusive"))] == ["verdicts"]
