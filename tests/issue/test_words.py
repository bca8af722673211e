"""The words of a bug report: what was observed, with the statistic named, and nothing that was not."""

from dataclasses import replace

import pytest
from support.records import contended, full_record, memory_kept, native_record, record

from pytest_formfunc.issue.archive import file_name
from pytest_formfunc.issue.chosen import Chosen
from pytest_formfunc.issue.model import Shared, case_of, find_artifact
from pytest_formfunc.issue.words import render
from pytest_formfunc.records.parts import Verdict
from pytest_formfunc.stats import Estimate
from pytest_formfunc.units import format_estimate, format_ms

NONE = Shared(None, "There is no model here, because it has none.")
SECONDS = {"value": 0.002, "low": 0.001, "high": 0.003}


def words(made, native=None, shared=NONE):
    return render(Chosen(made, native, ""), shared, [])


def test_both_latencies_and_the_speedup_have_their_statistics():
    made, native = memory_kept(record(0.0025), 0.008), native_record()
    text = words(made, native)
    assert f"{format_ms(made.typical_s.value)} ms" in text
    assert f"{format_ms(native.typical_s.value)} ms" in text
    assert text.count("the geometric mean over processes") == 2
    assert f"- Speedup over PyTorch (eager): {format_estimate(made.speedup_memory_kept)}, with its 95% interval" in text
    assert f"from {made.launches} launches of fresh processes and {made.rounds} rounds" in text


def test_a_contended_row_claims_nothing():
    text = words(contended(record(0.0025)), contended(native_record()))
    assert "Other work disturbed the measurement: its threads waited" in text
    assert "No speedup is claimed" in text
    assert "- Speedup over" not in text


def test_a_verdict_is_told_with_its_change_and_the_difference_of_the_graphs():
    reason = (
        "it lost 20% against v1; kernels changed: brgconv 3 -> 2, ref 0 -> 1 (at relu brgconv -> ref); MACs 2M -> 3M"
    )
    made = replace(full_record(), verdict=Verdict("regressed", 0.1, Estimate(0.8, 0.7, 0.9), reason))
    text = words(made)
    assert text.splitlines()[0].endswith("has lost speed")
    assert "- The speedup regressed against what this run was compared with." in text
    assert (
        f"- The change is {format_estimate(made.verdict.change)} of the speedup before. A loss of 10% counts." in text
    )
    assert (
        "- Compared with the other side: Kernels changed: brgconv 3 -> 2, ref 0 -> 1 (at relu brgconv -> ref)." in text
    )
    assert "Compared with" not in words(replace(made, verdict=None))


def test_the_slowest_layers_come_first():
    layers = [
        {"layer": f"layer {number}", "seconds": {**SECONDS, "value": number / 1000}, "kernels": ["jit"]}
        for number in range(1, 11)
    ]
    text = words(replace(record(0.0025), observations={"layers": {"layers": layers}}))
    lines = text[text.index("## The slowest layers") :].splitlines()[2:11]
    assert [line.partition(":")[0] for line in lines[:2]] == ["- layer 10", "- layer 9"]
    assert lines[8] == "- 2 further layers, which are in `record.json`"
    assert "slowest layers" not in words(replace(record(0.0025), observations={"layers": {"layers": [1]}}))


def test_versions_kernels_and_the_machine_are_told():
    text = words(record(0.0025))
    for one in ("- openvino 1", "- 17 steps by `brgconv`", "- CPU: CPU", "- Instruction sets: avx2", "cache: 32 MiB"):
        assert one in text
    assert NONE.why_none in text


@pytest.mark.parametrize(
    "artifact",
    [{}, {"folder": "..", "file": "a"}, {"folder": "a/b", "file": "c"}, {"folder": "a", "file": "/etc/passwd"}],
)
def test_a_run_names_no_file_outside_of_the_cache(tmp_path, artifact):
    assert find_artifact(replace(record(0.0025), artifact=artifact), tmp_path) is None


def test_what_has_a_name_can_be_made_again(tmp_path, monkeypatch):
    """A pattern with its input, a function with its arguments and its call; not a model of a test's own."""
    made = case_of(record(0.0025, case="residual-d8-w64-1x3x32x32", input_shape=(1, 3, 32, 32)))
    assert made.id == "residual-d8-w64-1x3x32x32"
    named = {"kind": "model", "name": "nets:build(a=1)"}
    for case in ("nets:build(a=1)", "nets:build(a=1)-1x8:i64+mask=1x8"):
        assert case_of(record(0.0025, case=case, form=named)).id == case
    assert case_of(record(0.0025, case="t.py::test_net", form={"kind": "model", "name": "Net"})) is None


def test_an_archive_has_a_name_that_every_system_takes():
    assert file_name(record(0.0025, case="/data/a b/net.onnx-1x3")) == "issue-net.onnx-1x3-openvino.zip"
    assert file_name(record(0.0025, case="t.py::test[é|x]")) == "issue-t.py-test-x-openvino.zip"
