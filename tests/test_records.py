import json
import math
from dataclasses import replace

import pytest
from support.records import record

from pytest_formfunc.errors import BadInput
from pytest_formfunc.records import Record
from pytest_formfunc.records.parts import Counterpart, Parity, Verdict
from pytest_formfunc.stats import Estimate


def full_record():
    """Return a record with every optional part."""
    estimate = Estimate(2.0, 0.0, math.inf, n=1)
    counterpart = Counterpart("main", "0" * 40, Estimate(1.0, 0.9, 1.1), ((1.0,),), ((1.0,),), ((2.0,),))
    return replace(
        record(0.0025),
        parity=Parity(True, 0.0, math.inf, 1.0),
        speedup=estimate,
        facts={"accuracy": {"lost_db": 3.0}},
        settings={"requests": 4},
        against=counterpart,
        verdict=Verdict("regressed", 0.1, Estimate(0.8, 0.7, 0.9), "it lost", 0.05, 3),
    )


@pytest.mark.parametrize("made", [record(0.0025), full_record()], ids=["plain", "full"])
def test_what_is_written_is_read_back(made):
    """The record that is read from JSON equals the one that was written, verdict included."""
    read = Record.from_json(json.loads(json.dumps(made.to_json(), allow_nan=False)))
    assert read == made
    assert read.verdict == made.verdict
    assert read.to_json() == made.to_json()


def test_numbers_that_are_not_finite_are_null():
    """JSON has no infinity, so the SQNR of equal outputs and an unlimited end of an interval are null."""
    made = replace(record(0.0025), parity=Parity(True, 0.0, math.inf, 1.0), speedup=Estimate(2.0, 0.0, math.inf))
    out = made.to_json()
    assert out["parity"]["sqnr_db"] is None
    assert out["speedup"]["high"] is None
    json.dumps(out, allow_nan=False)


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ({"schema": 2}, "has formfunc schema 2, this version reads 1"),
        ({"schema": None}, "has formfunc schema None"),
        ({"samples": []}, "damaged"),
        ({"samples": [[0.0]]}, "damaged"),
        ({"samples": "abc"}, "damaged"),
        ({"threads": "two"}, "damaged"),
        ({"host": 3}, "damaged"),
        ({"speedup": {"value": 1}}, "damaged"),
        ({"speedup": {"value": math.nan, "low": 1.0, "high": 2.0}}, "value is nan and must be finite"),
        ({"compile_s": math.inf}, "compile_s is inf and must be finite"),
        ({"native": "no"}, "native is 'no' and must be true or false"),
        ({"batch": True}, "batch is True and must be a whole number"),
        ({"case": None}, "case is None and must be a text"),
        ({"latency_s": []}, "latency is not an object"),
        ({"noise": {"run_delay_fraction": "0"}}, "damaged"),
        ({"cost": {"macs": 1.5}}, "damaged"),
        ({"verdict": {"status": 1}}, "damaged"),
        ({"verdict": None}, "verdict is not an object"),
        ({"verdict": "regressed"}, "verdict is not an object"),
        ({"against": []}, "damaged"),
        ({"compile_s": 10**400}, "damaged"),
        ({"graph": {"kernels": 3}}, "damaged"),
    ],
)
def test_a_damaged_record_is_refused_with_a_clause(change, clause):
    """Whatever is wrong in it, the clause names it."""
    with pytest.raises(BadInput, match=clause):
        Record.from_json({**record(0.0025).to_json(), **change})


def test_facts_of_an_engine_cannot_take_names_of_the_contract():
    """Neither those that are written nor those that are absent here."""
    made = record(0.0025, facts={"verdict": "mine", "native": 3, "accuracy": {"lost_db": 3.0}})
    out = made.to_json()
    assert "verdict" not in out
    assert out["native"] is False
    assert Record.from_json(out).facts == {"accuracy": {"lost_db": 3.0}}


def test_a_record_from_before_own_samples_were_saved_is_read():
    """Early versions saved less of the other side."""
    out = json.loads(json.dumps(full_record().to_json()))
    del out["against"]["own_samples"]
    assert Record.from_json(out).against.own_samples == ()


def test_whole_numbers_may_be_written_as_floats():
    """Some programs that copy JSON do so."""
    assert Record.from_json({**record(0.0025).to_json(), "threads": 2.0}).threads == 2
