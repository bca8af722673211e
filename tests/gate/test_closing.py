"""Of two sides' rules the stricter one holds."""

from dataclasses import replace

import pytest
from support.records import record

from pytest_formfunc.gate.closing import faults_of
from pytest_formfunc.journal.lines import COMPLETE, INTERRUPTED, Header, Journal, Judged, Row
from pytest_formfunc.marker import Marker
from pytest_formfunc.plugin.plan import TestPlan
from pytest_formfunc.plugin.policies import OtherPolicies
from pytest_formfunc.policy import Planned, Policy, read_policies, stricter
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


RULES = {"test": "t", "case": "a", "backend": "b", "threshold": 0.1, "fail_on": ["loss"], "min_speedup": None,
         "max_latency_s": 0.01}  # fmt: skip


@pytest.mark.parametrize(
    "entries",
    [7, [1], [{}], *([{**RULES, name: value}] for name, value in [("threshold", "x"), ("threshold", 1.5),
     ("threshold", -0.1), ("fail_on", "loss"), ("fail_on", ["los"]), ("min_speedup", "2"), ("test", None)])],
)  # fmt: skip
def test_what_a_saved_run_says_of_its_rules_is_checked(entries):
    assert read_policies([RULES]) == (Planned("t", "a", "b", Policy(0.1, ("loss",), None, 0.01)),)
    with pytest.raises((KeyError, TypeError, ValueError)):
        read_policies(entries)


KEY = ("a", "openvino")
HEADER = Header("r", "2026", "p", "f", title="v1", planned=(KEY,), tests=("t.py::test_a[openvino]",))


TEST = "t.py::test_a[openvino]"


def faults(rows, header=HEADER, failures=(), judged=(), *, ended=COMPLETE, strict=True):
    run = Journal(header, rows, dict(failures), {one.test: one for one in judged})
    found = faults_of(header, run, ended=ended, strict=strict)
    return [(one.name, one.sentence.partition(":")[0], one.tests) for one in found]


def row(status, group="a"):
    verdict = None if status is None else Verdict(status, 0.1, None, f"it is {status}")
    return {KEY: Row(record(0.001, case="a", verdict=verdict), "i", group=group, fail_on=("loss",))}


def test_the_closing_check_finds_what_fails_a_run():
    test = (TEST,)
    passed = [Judged(TEST, *KEY, "")]
    assert faults(row("unchanged"), judged=passed) == []
    assert faults(row("unchanged")) == [(TEST, f"{TEST.partition(':')[0]}", test)]
    assert faults(row("unchanged"), strict=False) == []
    assert faults(row("regressed"), strict=False) == [("a on openvino", "it is regressed", test)]
    lost = [Judged(TEST, *KEY, "it is regressed")]
    assert faults(row("regressed"), judged=lost) == [("a on openvino", "it is regressed", test)]
    assert faults({}) == [("a on openvino", "a on openvino has no row", ("formfunc-all-judged", *test))]
    assert faults({}, strict=False) == []
    assert faults({}, failures={KEY: "it broke"}.items()) == [("a on openvino", "a on openvino was not measured", test)]
    assert [name for name, _, _ in faults(row("unchanged"), judged=passed, ended=INTERRUPTED)] == ["unfinished"]
    assert [name for name, _, _ in faults(row(None), judged=passed)] == ["a on openvino"]
    assert [name for name, _, _ in faults(row("inconclusive"), judged=passed)] == ["verdicts"]


def test_what_the_command_line_accepts_is_no_fault_unless_it_is_a_loss():
    """By the test's id, or by case and backend."""
    for name in (TEST, "a-openvino", "a on openvino", "*"):
        header = replace(HEADER, accept=(name,))
        assert faults({}, header) == faults(row("new"), header) == faults(row("unchanged"), header) == []
        assert faults({}, header, failures={KEY: "it broke"}.items()) == []
        assert [one for one, _, _ in faults(row("regressed"), header)] == ["a on openvino"]


def test_each_test_of_a_case_counts():
    """Their row has the verdict of the last one, by its threshold."""
    both = replace(HEADER, planned=(KEY, KEY), tests=(TEST, "t.py::test_b"))
    judged = [Judged(TEST, *KEY, "it lost speedup"), Judged("t.py::test_b", *KEY, "")]
    assert faults(row("unchanged"), both, judged=judged) == [("a on openvino", "it lost speedup", (TEST,))]
    assert [name for name, _, _ in faults(row("unchanged"), both, judged=judged[1:])] == [TEST]
    assert faults(row("unchanged"), replace(both, title=""), judged=judged[1:]) == []


def test_rows_of_a_run_that_is_continued_with_other_tests_do_not_count():
    passed = [Judged(TEST, *KEY, "")]
    assert faults(row("unchanged") | {("gone", "openvino"): row("regressed", "gone")[KEY]}, judged=passed) == []
    assert faults(row("unchanged"), failures={("gone", "openvino"): "it broke"}.items(), judged=passed) == []


def planned(test, case, threshold):
    return Planned(test, case, "openvino", Policy(threshold))


def test_tests_are_held_to_the_rules_of_those_of_their_case_that_are_gone():
    """A new one may be one of them under another name, and an old one is all that is left of them."""
    there = OtherPolicies("v1", [planned("a", "x", 0.05), planned("b", "x", 0.02), planned("c", "y", 0.03)])
    plans = [TestPlan("x", "openvino", Marker(), test=name) for name in ("a", "new")]
    assert there.of(plans) == {"a": Policy(0.02), "new": Policy(0.02)}
    assert there.of(plans[:1]) == {"a": Policy(0.02)}
    assert there.of([*plans, TestPlan("x", "openvino", Marker(), test="b")]) == {"a": Policy(0.05), "b": Policy(0.02)}
