"""Which layer lost it, from profiles that are made up: joined by what layers compute, named only where it is sure."""

import pytest

from pytest_formfunc.function.layer_change import explain_loss, layer_changes


def layer(label, value, *members, kernel="brgconv", spread=0.02):
    return {
        "layer": label, "members": list(members), "kernels": [kernel],
        "seconds": {"value": value, "low": value * (1 - spread), "high": value * (1 + spread)},
    }  # fmt: skip


THERE = [
    layer("a: conv, act", 0.010, "a.conv: conv2d", "a.act: relu"),
    layer("b: conv, act", 0.020, "b.conv: conv2d", "b.act: relu"),
    layer("reorder", 0.001, kernel="jit_uni"),
]


def changed(index, **more):
    return [{**one, **more} if number == index else one for number, one in enumerate(THERE)]


def test_nothing_changed():
    assert explain_loss(THERE, THERE) == ""
    assert [one.lost_s for one in layer_changes(THERE, THERE)] == [0.0] * 3


def test_a_kernel_that_falls_back_is_named():
    here = changed(1, seconds={"value": 0.060, "low": 0.058, "high": 0.062}, kernels=["ref_any"])
    assert explain_loss(THERE, here) == "most of it is in b: conv, act 20.000 -> 60.000 ms (brgconv -> ref_any)"


def test_a_reorder_that_came_in_is_named():
    here = [*THERE, layer("again", 0.005, kernel="ref_reorder")]
    assert explain_loss(THERE, here) == "most of it is in again 0.000 -> 5.000 ms (nothing -> ref_reorder)"


def test_a_layer_that_is_there_twice_is_named():
    here = [*THERE, layer("c: conv", 0.020, "c.conv: conv2d")]
    assert explain_loss(THERE, here).startswith("most of it is in c: conv 0.000 -> 20.000 ms")


def test_an_activation_that_is_no_longer_fused_is_one_layer_with_what_it_was_fused_into():
    here = [
        layer("a.conv: conv2d", 0.010, "a.conv: conv2d"),
        layer("a.act: hardswish", 0.004, "a.act: relu", kernel="jit_eltwise"),
        *THERE[1:],
    ]
    (first, *_) = layer_changes(THERE, here)
    assert (first.label, len(first.there), len(first.here)) == ("a: conv, act", 1, 2)
    assert first.lost_s == pytest.approx(0.004)
    assert "brgconv -> brgconv, jit_eltwise" in explain_loss(THERE, here)


def test_the_second_of_a_kind_is_joined_with_the_second():
    """Operators of one module have one name."""
    there = [layer("x", 0.010, "net: relu"), layer("x", 0.020, "net: relu")]
    assert [one.lost_s for one in layer_changes(there, there)] == [0.0, 0.0]


def test_what_is_not_sure_or_spread_over_many_is_not_named():
    assert explain_loss(THERE, changed(1, seconds={"value": 0.022, "low": 0.018, "high": 0.026})) == ""
    slower = [{**one, "seconds": {end: 1.3 * value for end, value in one["seconds"].items()}} for one in THERE * 1]
    many = [layer(f"l{number}", 0.01, f"l{number}: conv2d") for number in range(8)]
    all_slower = [{**one, "seconds": {end: 1.3 * value for end, value in one["seconds"].items()}} for one in many]
    assert explain_loss(many, all_slower) == ""
    assert explain_loss(THERE, slower).startswith("most of it is in b: conv, act")  # which has two thirds of it


def test_a_gain_explains_no_loss():
    assert explain_loss(THERE, changed(1, seconds={"value": 0.010, "low": 0.010, "high": 0.010})) == ""
