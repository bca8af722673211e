"""Observing why a case gains, on real engines: apart from what is timed, in the record, in words."""

import json

import pytest
from support.command import command
from support.project import Project, make_bench

from pytest_formfunc.function.layer_change import layer_changes

pytestmark = pytest.mark.engine
ONE = ("--formfunc-patterns=plain", "--formfunc-depths=1", "--formfunc-widths=8")
CASE = "plain-d1-w8-1x3x32x32"


@pytest.fixture(scope="module")
def observed(tmp_path_factory, artifact_cache):
    """One run that observes."""
    one = make_bench(Project(tmp_path_factory.mktemp("why"), artifact_cache))
    one.outcome = one.measure(*ONE, "--formfunc-why", "--benchmark-json=out.json", "--formfunc-journal=run.jsonl")
    assert one.outcome.code == 0, one.outcome.text
    return one


def test_what_instruments_find_is_in_the_record(observed):
    """Of both sides."""
    records = observed.records("out.json")
    for backend in ("native", "openvino"):
        found = records[CASE, backend]["observations"]
        assert found["cache"]["cold_over_sham"]["n"] == 3  # as many as there are servers
        assert 0.0 <= found["reuse"]["efficacy"] <= 1.0
        assert "task-clock" in found["counters"].get("per_call", ()) or "perf" in found["counters"]["unavailable"]
        roof = found["roof"]
        assert roof["peak_flops"]["value"] > 1e8
        assert roof["bandwidth"]["value"] > 1e8
        assert roof["flops"] == 2 * records[CASE, backend]["cost"]["macs"]
        assert roof["intensity"] == roof["flops"] / found["reuse"]["touched_bytes"]
        assert 0 < roof["share_of_roof"]["value"] < 5
        layers = records[CASE, backend]["observations"]["layers"]
        assert layers["call_s"]["n"] == 3
        assert layers["profiled_over_plain"]["value"] > 0
        (stem,) = [one for one in layers["layers"] if one["operators"][:1] == ["conv2d"]]
        assert (stem["seconds"]["value"] > 0, "native_seconds" in stem) == (True, backend == "openvino")
        assert sum(one["macs"] for one in layers["layers"]) == records[CASE, backend]["cost"]["macs"]
    own, native = (records[CASE, backend]["observations"] for backend in ("openvino", "native"))
    assert "speedup_cold_over_sham" in own["cache"]
    assert own["reuse"]["touched_bytes"] <= native["reuse"]["touched_bytes"]
    assert own["layers"]["matched_native"] > 0.9
    assert len(own["layers"]["layers"]) < len(native["layers"]["layers"])  # it fuses


def test_it_is_said_in_words_by_the_report_and_by_the_command(observed):
    """The journal has it too."""
    assert f"why, {CASE}:" in observed.outcome.text
    assert " observing" in observed.outcome.text
    for file in ("out.json", "run.jsonl"):
        told = command("why", observed.folder / file, CASE)
        assert (told.code, told.text.count("openvino, cache: with caches that hold other data")) == (0, 1), told.text
        assert "openvino, layers: stem: conv, bn, act: " in told.text


def test_what_a_file_says_of_an_instrument_is_checked(observed):
    """It may come from anybody."""
    document = json.loads((observed.folder / "out.json").read_text())
    for damaged in (
        {},
        {"cold_over_sham": 3},
        {"cold_over_sham": {"value": "x"}},
        {"unavailable": "::error::x\x1b[2J"},
    ):
        for entry in document["benchmarks"]:
            entry["extra_info"]["formfunc"]["observations"] |= {"cache": damaged, "layers": damaged}
        (observed.folder / "bad.json").write_text(json.dumps(document))
        told = command("why", observed.folder / "bad.json", CASE)
        assert (told.code, "Traceback" in told.text, "\x1b" in told.text) == (0, False, False), told.text


def test_a_run_without_it_observes_nothing(bench):
    outcome = bench.measure(*ONE, "--benchmark-json=out.json")
    assert "observations" not in bench.records("out.json")[CASE, "openvino"]
    assert "why," not in outcome.text
    told = command("why", bench.folder / "out.json", CASE)
    assert (told.code, "measure it with --formfunc-why" in told.text) == (4, True)
    told = command("why", bench.folder / "out.json", "plain-d1-w9-1x3x32x32")
    assert (told.code, f"did you mean '{CASE}'?" in told.text) == (4, True)


def test_side_by_side_the_other_revisions_layers_are_timed_too(repository):
    """Joined by what they compute; unchanged code has the same ones."""
    outcome = repository.measure(
        "--formfunc-against", "v1", "--formfunc-why", "--formfunc-escalation=1ms", "--benchmark-json=out.json"
    )
    assert outcome.code == 0, outcome.text
    for (_, backend), record in repository.records("out.json").items():
        layers = record["observations"]["layers"]
        assert [one["layer"] for one in layers["there"]] == [one["layer"] for one in layers["layers"]], backend
        assert all(change.there and change.here for change in layer_changes(layers["there"], layers["layers"]))


TRAINED = """
import torch
from torch import nn

def test_net(formfunc):
    formfunc(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.SiLU()), torch.randn(1, 3, 12, 12))
"""


def test_zeros_are_counted_where_the_user_says_that_weights_are_trained(project):
    """Of a model of the user's; SiLU makes none."""
    project.write("test_net.py", TRAINED)
    outcome = project.measure("--formfunc-trained", "--benchmark-json=out.json")
    assert outcome.code == 0, outcome.text
    ((case, _), record) = next(iter(project.records("out.json").items()))
    (seen,) = record["observations"]["zeros"]["activations"]
    assert 0 < seen["zeros"]["mean"] < 1
    assert 0 < seen["zeros"]["sd"] < 0.5
    assert 0 <= seen["over_channels"]["mean"] < 1
    assert "of 1 activations that can make exact zeros" in command("why", project.folder / "out.json", case).text


def test_of_random_weights_no_claim_is_made(bench):
    outcome = bench.measure(*ONE, "--formfunc-trained", "--benchmark-json=out.json")
    found = bench.records("out.json")[CASE, "openvino"]["observations"]["zeros"]
    assert found == {
        "unavailable": "the weights of its form are random here: zeros of these say nothing of a trained one"
    }
    assert "zeros: not observed, because the weights of its form are random" in " ".join(outcome.text.split())
