"""Which layer lost it, from profiles that are made up: joined by what layers compute, named only where it is sure."""

import numpy as np
import pytest

from pytest_formfunc.function.layer_change import ALPHA, explain_loss, layer_changes


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


def profiles(generator, slower=(), pace=0.3, noise=0.03, launches=5, layers=12):
    """Return layers whose launches have a pace in common and noise of their own; some take longer by a factor."""
    sides = []
    levels = 1e-4 * generator.uniform(1, 10, layers)
    for side in ("there", "here"):
        paces = generator.normal(0, pace, launches)
        found = []
        for number, level in enumerate(levels):
            factor = dict(slower).get(number, 1.0) if side == "here" else 1.0
            seconds = list(level * factor * np.exp(paces + generator.normal(0, noise, launches)))
            value = float(np.mean(seconds))
            found.append({**layer(f"l{number}", value, f"l{number}: conv2d", spread=0.5), "launches_s": seconds})
        sides.append(found)
    return sides


@pytest.mark.parametrize("pace", [0.0, 0.3])
def test_launches_of_a_machine_whose_pace_changes_name_nothing_where_nothing_changed(pace):
    generator = np.random.default_rng(1)
    named = sum(bool(explain_loss(*profiles(generator, pace=pace))) for _ in range(400))
    assert named <= 400 * ALPHA


def test_launches_of_a_machine_whose_pace_changes_name_the_slower_layer():
    """One that takes half as long again, whose intervals over launches overlap by far."""
    generator = np.random.default_rng(2)
    found = [explain_loss(*profiles(generator, {3: 1.5})) for _ in range(200)]
    right = sum(one.startswith("most of it is in l3 ") for one in found)
    assert right >= 180
    assert right == sum(map(bool, found))


def test_launches_name_no_layer_of_many_that_are_slower():
    """All of them, or several alike: no layer explains the loss."""
    generator = np.random.default_rng(3)
    for slower in (dict.fromkeys(range(12), 1.5), dict.fromkeys(range(4), 1.3)):
        named = sum(bool(explain_loss(*profiles(generator, slower, layers=12))) for _ in range(100))
        assert named <= 20


def test_a_few_microseconds_are_no_loss():
    """Engines report whole ones."""
    there = [{**layer("a", 1e-5, "a: conv2d"), "launches_s": [1e-5] * 5}]
    here = [{**layer("a", 1e-5, "a: conv2d"), "launches_s": [1e-5] * 5},
            {**layer("b", 2e-6, "b: relu"), "launches_s": [2e-6] * 5}]  # fmt: skip
    assert explain_loss(there, here) == ""
    here[1]["launches_s"] = [9e-6] * 5
    assert explain_loss(there, here).startswith("most of it is in b ")
