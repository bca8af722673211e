"""What a run takes over from a journal, with rows that were made: all of a case, or nothing of it."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.records import record

from pytest_formfunc.journal.lines import Header, Journal, Row
from pytest_formfunc.measure.launch import PreparedSide
from pytest_formfunc.plugin.options import OPTIONS
from pytest_formfunc.records.parts import Verdict
from pytest_formfunc.results import Absent
from pytest_formfunc.run.journal import RunJournal, basis_of
from pytest_formfunc.settings import read_settings

NATIVE = record(0.010, backend="native", native=True)
FAST = record(0.001)
CASE = FAST.case
BOTH = ("native", "openvino")
UNCHANGED = Verdict("unchanged", 0.1, None, "it is unchanged")


def rows(*records, identity="i"):
    return {one.key: Row(one, identity, group=CASE) for one in records}


def test_a_case_is_taken_over_whole_or_not_at_all():
    assert RunJournal(earlier=rows(NATIVE, FAST)).take(CASE, CASE, BOTH, "i") == {NATIVE.key: NATIVE, FAST.key: FAST}
    assert RunJournal(earlier=rows(FAST)).take(CASE, CASE, BOTH, "i") is None
    assert RunJournal(earlier=rows(NATIVE, FAST)).take(CASE, CASE, (*BOTH, "onnxruntime"), "i") is None


def test_what_depends_on_something_else_is_measured_again():
    assert RunJournal(earlier=rows(NATIVE, FAST, identity="other")).take(CASE, CASE, BOTH, "i") is None


@pytest.mark.parametrize(
    ("verdict", "taken"), [(UNCHANGED, True), (None, False), (replace(UNCHANGED, threshold=0.2), False)]
)
def test_where_something_is_compared_the_verdict_has_to_be_there(verdict, taken):
    """By the threshold that counts now; native has none."""
    journal = RunJournal(earlier=rows(NATIVE, replace(FAST, verdict=verdict)), thresholds={(CASE, "openvino"): 0.1})
    assert (journal.take(CASE, CASE, BOTH, "i") is not None) == taken


def test_what_another_worker_has_measured_meanwhile_counts():
    header = Header("run", "2026", "nets", "here")
    journal = RunJournal(beside=lambda: [Journal(header, rows(NATIVE, FAST))])
    assert journal.has_all(CASE, BOTH)
    assert journal.take(CASE, CASE, BOTH, "i") is not None
    assert journal.taken == [NATIVE.key, FAST.key]
    assert journal.closing_notes(4) == ["journal: 2 of 4 rows are taken over from it"]


def test_a_digest_of_all_that_a_figure_depends_on():
    """The artifacts of both sides, the settings, and what is compared with; not where the artifacts lie."""

    def side(folder):
        return PreparedSide(None, SimpleNamespace(folder=folder))

    def identity(here="/a/net-1", there=None, **basis):
        return RunJournal(basis=basis).identity(side(here), there)

    same = identity(threads=2)
    assert same == identity("/elsewhere/net-1", threads=2)
    absent = Absent("new", "it is not there")
    others = [
        identity("/a/net-2", threads=2),
        identity(threads=1),
        identity(threads=2, there=side("/a/net-1")),
        identity(threads=2, compared_with="main"),
    ]
    assert len({same, *others}) == 5
    assert identity(threads=2, there=absent) == same


def test_a_device_that_was_changed_is_not_taken_for_the_same():
    """What OpenVINO tells of it before anything is loaded; the processor's name is in the header."""
    settings = read_settings({spec.key: spec.default for spec in OPTIONS}, root=Path("/project"), in_ci=False)
    told = {"device": "GPU", "name": "Intel(R) Arc(TM) A770 Graphics (dGPU)", "memory_bytes": 16 << 30}
    told_later = {**told, "gpu_driver": "25.1"}
    bases = [
        basis_of(settings, ""),
        basis_of(settings, "", {"openvino@GPU"}, {"openvino@GPU": (told,)}),
        basis_of(settings, "", {"openvino@GPU"}, {"openvino@GPU": (told_later,)}),
        basis_of(settings, "", {"openvino@GPU"}, {"openvino@GPU": (told, told_later)}),
    ]
    side = PreparedSide(None, SimpleNamespace(folder="/a/net-1"))
    assert len({RunJournal(basis=basis).identity(side, None) for basis in bases}) == 4
    assert basis_of(settings, "", {"openvino"}, {}) == bases[0]


def test_what_is_noted_can_be_asked_for():
    """Also where no file is written."""
    key = (CASE, "openvino")
    journal = RunJournal(tests={key: "t.py::test"}, fail_on={key: ("gain",)}, limits={key: 0.02})
    journal.note([FAST], CASE, "i", (1.23456, 2.0), {})
    assert journal.rows[FAST.key] == Row(FAST, "i", "t.py::test", CASE, 1.235, 2.0, ("gain",), 0.02)
    journal.note([FAST], CASE, "i", (1.0, 2.0), {FAST.key: "sub/t.py::test"})
    assert journal.rows[FAST.key].test == "sub/t.py::test"


def test_single_calls_are_no_figures_for_a_run_that_times():
    """Nor the other way round."""
    calls = [replace(one, stopped="once") for one in (NATIVE, FAST)]
    assert RunJournal(earlier=rows(*calls)).take(CASE, CASE, BOTH, "i") is None
    assert RunJournal(earlier=rows(*calls)).take(CASE, CASE, BOTH, "i", once=True) is not None
    assert RunJournal(earlier=rows(NATIVE, FAST)).take(CASE, CASE, BOTH, "i", once=True) is None


def test_a_row_that_was_taken_over_can_be_changed():
    """By the limit of its test, which may be new."""
    journal = RunJournal(earlier=rows(NATIVE, FAST))
    journal.take(CASE, CASE, BOTH, "i")
    journal.update(replace(FAST, batch=3))
    assert journal.rows[FAST.key].record.batch == 3


def test_what_a_worker_has_taken_over_is_not_written_again():
    """The file has it from the earlier run; what is new or changed is written."""
    earlier, written = rows(NATIVE, FAST), []
    taken = []
    journal = RunJournal(earlier=earlier, writer=SimpleNamespace(add=written.append, take=taken.extend))
    changed = replace(earlier[FAST.key], test="t.py::test")
    for row in (earlier[NATIVE.key], changed):
        journal.add(row)
    assert (journal.taken, taken, written) == ([NATIVE.key], [NATIVE.key], [changed])
    assert journal.rows == {NATIVE.key: earlier[NATIVE.key], FAST.key: changed}
