"""The account of layers over launches: times that are known, of operators and steps made by hand."""

import pytest

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.measure.instruments.base import Launches
from pytest_formfunc.measure.instruments.layers import Layers
from pytest_formfunc.report.layers import MOST, describe_layer, layer_words


def operator(name, kind, *inputs, product=False, module=""):
    return {
        "name": name, "kind": f"aten.{kind}.default", "module": module, "inputs": list(inputs), "is_product": product,
        "is_free": False, "is_constant": False, "macs": 8 if product else 0, "made_bytes": 100,
    }  # fmt: skip


def step(name, kernel, *operators, product=False, before=""):
    return {
        "name": name, "kernel": kernel, "operators": list(operators), "is_product": product, "precision": "f32",
        "layout": "acdb", "before": before,
    }  # fmt: skip


OPERATORS = [operator("c", "conv2d", "x", "w", product=True, module="a.conv"), operator("r", "relu", "c", module="a.act"),
             operator("p", "linear", "r", "v", product=True)]  # fmt: skip
STEPS = [step("reorder", "Reorder", before="A"), step("A", "brgconv", "r", product=True)]


def launch(times, steps, call_s=10.0, profiled_s=11.0, **more):
    return {"source": "it", "resolution_s": 1e-6, "call_s": call_s, "profiled_s": profiled_s, "steps": steps,
            "times_s": times, **more}  # fmt: skip


def own(*scales):
    shared = {"operators": OPERATORS, "sizes": {"x": 40, "w": 9}}
    return [launch({"reorder": 1.0 * scale, "A": 2.0 * scale}, STEPS, **shared) for scale in scales]


def native(*scales):
    steps = [step(one["name"], one["kind"], one["name"]) for one in OPERATORS]
    shared = {"operators": OPERATORS, "sizes": {}}
    return [launch({"c": 6.0 * scale, "r": 2.0 * scale, "p": 1.0 * scale}, steps, **shared) for scale in scales]


def summed(own_launches, native_launches):
    return Layers().sum_up(Launches(own_launches, native_launches, {}))


def test_each_layer_has_both_times_and_their_ratio():
    """By launch, so that a slow launch of both is in neither."""
    found = summed(own(1.0, 2.0, 1.0), native(1.0, 2.0, 1.0))
    layer = found["layers"][0]
    assert (layer["layer"], layer["steps"], layer["kernels"]) == ("a: conv, act", ["A"], ["brgconv"])
    assert (layer["macs"], layer["moved_bytes"]) == (8, 40 + 9 + 100)
    assert layer["speedup"]["value"] == pytest.approx(4.0)
    assert layer["speedup"]["high"] == pytest.approx(4.0)
    assert layer["seconds"]["value"] == pytest.approx(2.0 * 4 / 3)
    assert layer["seconds"]["low"] < layer["seconds"]["value"] < layer["seconds"]["high"]


def test_the_share_of_the_roof():
    """What peak and bandwidth need for it, of its time; the bandwidth inside the cache where that holds it."""
    roof = {"peak_flops": {"value": 16.0}, "bandwidth": {"value": 10.0}, "bandwidth_inside": {"value": 149.0}}
    for cache_bytes, share, bound_by in ((0, 14.9 / 20, "memory"), (200, 1 / 20, "peak")):
        known = {"roof": roof, "reuse": {"cache_bytes": cache_bytes}}
        found = Layers().sum_up(Launches(own(10.0, 10.0), native(1.0, 1.0), {}, known))
        assert found["layers"][0]["share_of_roof"] == pytest.approx(share)
        assert found["layers"][0]["bound_by"] == bound_by
    assert "share_of_roof" not in summed(own(1.0, 1.0), native(1.0, 1.0))["layers"][0]


def test_what_one_side_lacks_is_a_row_without_a_ratio():
    """An operator without a step; a step that the engine has put in."""
    found = summed(own(1.0, 1.0), native(1.0, 1.0))
    product, reorder = found["layers"][1:]
    assert ("native_seconds" in product, "seconds" in product, "speedup" in product) == (True, False, False)
    assert (reorder["operators"], reorder["before"], reorder["seconds"]["value"]) == ([], "A", 1.0)
    assert found["matched_native"] == pytest.approx(8 / 9)
    assert found["matched_accelerated"] == pytest.approx(2 / 3)


def test_the_account_is_closed_and_nothing_is_scaled():
    """What no layer takes of a call without a profile; the profile's own cost apart."""
    found = summed(own(1.0, 1.0), native(1.0, 1.0))
    assert found["unattributed_s"]["value"] == pytest.approx(10.0 - 3.0)
    assert found["profiled_over_plain"]["value"] == pytest.approx(1.1)


def test_without_a_program_the_steps_are_listed():
    launches = [launch({"A": 2.0}, STEPS, no_program="it is a file") for _ in range(2)]
    found = summed(launches, [])
    assert [one["operators"] for one in found["layers"]] == [[], []]
    assert "matched_native" not in found
    assert any("matched to no modules, because it is a file" in line for line in layer_words(found))


def test_one_launch_gives_no_interval():
    with pytest.raises(MeasurementError, match="a single launch"):
        summed(own(1.0), native(1.0))


def test_words():
    """The longest first; what the engine has put in, and what has no step."""
    lines = [*layer_words(summed(own(1e-3, 1e-3), native(1e-3, 1e-3)))]
    assert lines[0].startswith("3 layers take 3.00 ms of a call's 10000 ms, and 9997 ms are in none")
    assert lines[1] == "a: conv, act: 8.00 ms native, 2.00 ms here, 4.00x (4.00 to 4.00), brgconv"
    assert "88.9% of the time of native's operators and 66.7% of that of this engine's steps" in lines[-3]
    assert lines[-2] == "the engine has put in 1 steps that are no operator of the network (1.00 ms): Reorder"
    assert lines[-1] == "no step was found for linear"


def test_only_the_longest_layers_are_named():
    layers = [{"layer": f"l{number}", "operators": ["o"], "steps": ["s"], "kernels": ["k"],
               "seconds": {"value": 1e-3 * number}} for number in range(1, 12)]  # fmt: skip
    found = summed(own(1.0, 1.0), []) | {"layers": layers}
    lines = [*layer_words(found)]
    assert [line.partition(":")[0] for line in lines[1 : 1 + MOST]] == [f"l{number}" for number in range(11, 3, -1)]
    assert lines[1 + MOST] == "and 3 more layers, which are in the record"
    assert describe_layer({"layer": "x" * 80, "seconds": {"value": 1.0}}).startswith("x" * 57 + "...: ")
