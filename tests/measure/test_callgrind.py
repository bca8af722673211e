"""Counting under valgrind: its dumps, why it cannot, and one real run on the real engine."""

import shutil

import pytest

from pytest_formfunc.backends import backend_entry
from pytest_formfunc.cases import pattern_case
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.host import CacheShare
from pytest_formfunc.measure.instruments import usual_instruments
from pytest_formfunc.measure.instruments.base import Launches, Subject
from pytest_formfunc.measure.instruments.callgrind import MOST_MACS, Callgrind, parse_totals

CASE = pattern_case("plain", 1, 16, (1, 3, 32, 32))
needs_valgrind = pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")


def subject(macs=1, **recipe):
    return Subject(None, None, None, None, 1, 1, {"macs": macs}, CacheShare(48 << 20, 48 << 20), recipe=recipe)


def test_totals_of_a_dump_are_read_by_event():
    assert parse_totals("creator: x\nevents: Ir Dr Dw\nfn=(1)\n1 2 3\ntotals: 7 5\n") == {"Ir": 7, "Dr": 5, "Dw": 0}
    with pytest.raises(MeasurementError, match="no totals"):
        parse_totals("events: Ir\n")


def test_it_looks_only_where_it_is_asked():
    assert "callgrind" not in usual_instruments()
    assert usual_instruments("callgrind")[-1] == "callgrind"


def test_why_it_cannot_is_said(monkeypatch):
    if shutil.which("valgrind"):
        with pytest.raises(MeasurementError, match="more than 300"):
            Callgrind().observe(subject(MOST_MACS + 1))
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(MeasurementError, match="valgrind is not installed"):
        Callgrind().observe(subject())


def test_what_few_calls_have_in_common_with_many_is_taken_away():
    """Events of a call, by our names; what is not counted is not there."""
    seen = {"events": {"Ir": 1000.0, "Bc": 100.0, "Bi": 20.0, "Bcm": 5.0, "Bim": 1.0, "DLmr": -3.0, "DLmw": 1.0}}
    assert Callgrind().sum_up(Launches([seen], [], {}))["per_call"] == {
        "instructions": 1000.0, "branches": 120.0, "mispredicted": 6.0, "llc_misses": 0.0,
    }  # fmt: skip


@needs_valgrind
@pytest.mark.engine
def test_real_run_counts_what_a_call_must_take(tmp_path):
    """A multiply-accumulate of AVX2 is at least an eighth of an instruction."""
    engine = backend_entry("native").engine_class()
    artifact = tmp_path / engine.artifact_name(1)
    network = CASE.source.build()
    engine.prepare(network, artifact)
    given = {"engine": "native", "source": CASE.source, "artifact": str(artifact), "half": "", "seed": 0}
    one = Callgrind().observe(subject(**given))
    calls = Callgrind().sum_up(Launches([one], [], {}))["per_call"]
    macs = 16 * 16 * 9 * 8 * 8
    assert macs / 8 < calls["instructions"] < 1000 * macs
    assert calls["instructions"] > calls["data_accesses"] > calls["l1_misses"] >= calls["llc_misses"]
    assert calls["instructions"] > calls["branches"] > calls["mispredicted"] > 0


@needs_valgrind
def test_process_that_fails_under_valgrind_is_one_sentence(monkeypatch):
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(MeasurementError, match=r"valgrind failed \(.*/nowhere/python"):
        Callgrind().observe(subject())
