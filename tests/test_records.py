"""Records and their JSON form: what is written is read back, and what is damaged is refused."""

import json
import math
from dataclasses import fields, replace

import pytest
from support.records import CAUSE, contended, full_record, memory_kept, record, samples

from pytest_formfunc.errors import BadInput
from pytest_formfunc.records import METHOD, METHOD_DRAWN, Record
from pytest_formfunc.records.parts import Noise, Parity
from pytest_formfunc.stats import Estimate

NO_TIMES = (math.nan, math.inf, -math.inf, 0.0, -0.01)
LATENCY = record(0.0025).to_json()["latency_s"]


@pytest.mark.parametrize(
    "made", [record(0.0025), full_record(), contended(full_record())], ids=["plain", "full", "contended"]
)
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


def test_every_field_has_been_written_once():
    """The full record differs from an empty one in each optional field, so that none is forgotten above."""
    made, empty = full_record(), record(0.0025)
    optional = {field.name for field in fields(Record) if getattr(empty, field.name) in (None, (), {}, "")}
    assert optional >= {"speedup_memory_kept", "process_range", "kept_samples", "native_kept_samples", "limits"}
    assert [name for name in sorted(optional) if getattr(made, name) == getattr(empty, name)] == []
    out = made.to_json()
    assert out["method"] == METHOD
    assert out["servers"] == [0, 1, 2, 3, 0, 1]
    assert out["process_range"] == {"low": 3.0, "high": 9.0, "servers": 4}
    assert [limit["outcome"] for limit in out["limits"]] == ["met", "not shown"]
    for name in ("native_samples", "native_kept_samples", "kept_samples"):
        assert [list(launch) for launch in getattr(made, name).median] == out[name]
        assert [list(launch) for launch in getattr(made, name).low] == out[f"{name}_low"]


def test_a_contended_record_claims_nothing():
    """Neither a speedup nor a latency, and the cause is a clause."""
    out = contended(full_record()).to_json()
    assert not {"speedup", "speedup_memory_kept", "typical_s", "process_range"} & set(out)
    assert (out["noise"]["contended"], out["noise"]["cause"]) == (True, CAUSE)
    read = Record.from_json(json.loads(json.dumps(out)))
    assert read.noise.contended
    assert read.ranked_speedup is None
    assert read.native_typical_s is None


def test_the_speedup_with_memory_kept_is_ranked_where_it_is_known():
    """Its rounds are native's with memory kept, and the engine's own, or those with memory kept where it runs twice."""
    plain = record(0.0025)
    assert (plain.ranked_speedup, plain.ranked_samples) == (plain.speedup, (plain.native_samples, plain.samples))
    kept = memory_kept(plain, 0.008)
    assert kept.ranked_speedup == kept.speedup_memory_kept != kept.speedup
    assert kept.ranked_samples == (kept.native_kept_samples, kept.samples)
    twice = replace(kept, kept_samples=samples(0.0020))
    assert twice.ranked_samples == (kept.native_kept_samples, twice.kept_samples)
    assert kept.native_typical_s == pytest.approx(kept.typical_s.value * kept.speedup_memory_kept.value)


def test_a_run_that_names_no_servers_and_no_method_was_made_by_one_server():
    """Each launch drew a heap layout, which stands for a server of its own."""
    out = record(0.0025).to_json()
    del out["servers"], out["method"]
    for name in ("contended", "cause", "discarded_rounds"):
        del out["noise"][name]
    read = Record.from_json(out)
    assert read.method == METHOD_DRAWN
    assert (read.servers, read.server_of_launch) == ((), (0, 1, 2, 3, 4, 5))
    assert read.noise == Noise(0, 0, 0, 0, 0.0, contended=False, cause="", discarded_rounds=0)


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ({"servers": [0, 1]}, "there are more or fewer servers than launches"),
        ({"servers": ["first"] * 6}, "damaged"),
        ({"servers": 3}, "damaged"),
        ({"method": 2}, "method is 2 and must be a text"),
        ({"limits": [{"name": "min_speedup"}]}, "damaged"),
        ({"limits": {"min_speedup": 2}}, "damaged"),
        ({"process_range": {"low": 1.0}}, "damaged"),
        ({"process_range": None}, "damaged"),
        ({"typical_s": {"value": 1}}, "damaged"),
        ({"speedup_memory_kept": "4x"}, "damaged"),
        ({"noise": {**record(0.0025).to_json()["noise"], "contended": "yes"}}, "contended is 'yes' and must be"),
        ({"native_kept_samples": [[1.0]], "native_kept_samples_low": [[1.0]]}, "another number of launches"),
        ({"kept_samples": [[1.0]] * 6}, "damaged"),
        ({"schema": 2}, "has formfunc schema 2, this version reads 1"),
        ({"schema": None}, "has formfunc schema None"),
        ({"samples": []}, "damaged"),
        *[
            ({name: [[0.01], [0.02, bad]], f"{name}_low": [[0.01], [0.01, 0.01]]}, f"a latency of samples is {bad}")
            for name in ("samples", "native_samples", "kept_samples", "native_kept_samples")
            for bad in NO_TIMES
        ],
        *[({"samples_low": [[0.01], [0.02, bad]]}, f"a latency of samples is {bad}") for bad in NO_TIMES],
        *[
            ({"latency_s": {**LATENCY, name: bad}}, f"latency_s.{name} is {bad}")
            for name in LATENCY
            for bad in NO_TIMES
        ],
        *[({"compile_s": bad, "first_call_s": bad}, f"compile_s is {bad}") for bad in (math.nan, math.inf, -0.1)],
        ({"first_call_s": -0.1}, "first_call_s is -0.1 s, and nothing takes less than no time"),
        ({"samples": [[0.01], []]}, "samples are empty or not latencies"),
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


def test_a_record_from_before_launches_were_noted_is_read_and_written_as_it_was():
    out = json.loads(json.dumps(full_record().to_json()))
    del out["against"]["judged"]
    read = Record.from_json(out)
    assert read.against.judged is None
    assert json.loads(json.dumps(read.to_json())) == out


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ({"changes": [0.9]}, "more or fewer servers than launches"),
        ({"accelerated": [1.0, 1.0, 1.0]}, "more or fewer servers than launches"),
        ({"changes": [], "accelerated": [], "servers": []}, "or none"),
        ({"changes": [0.9, -1.0]}, "changes are no ratios"),
        ({"accelerated": [0.9, 1e300]}, "accelerated are no ratios"),
        ({"servers": [0, "1"]}, "servers is '1' and must be a whole number"),
        ({"process": 1}, "process is 1 and must be a text"),
        ({"means": None}, "means is None and must be a text"),
        ({"same_kernels": "no"}, "must be true or false"),
        ({"own_servers": 1}, "must be true or false"),
    ],
)
def test_damaged_launches_are_refused_with_a_clause(change, clause):
    out = json.loads(json.dumps(full_record().to_json()))
    out["against"]["judged"] |= change
    with pytest.raises(BadInput, match=clause):
        Record.from_json(out)


def test_whole_numbers_may_be_written_as_floats():
    """Some programs that copy JSON do so."""
    assert Record.from_json({**record(0.0025).to_json(), "threads": 2.0}).threads == 2
