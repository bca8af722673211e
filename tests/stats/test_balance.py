"""Dividing work: the same on every machine, whole, and near to equal."""

import random

import pytest

from pytest_formfunc.stats.balance import balance, fill_gaps, wall_seconds


@pytest.mark.parametrize("parts", [1, 2, 3, 7, 40])
def test_every_piece_is_in_one_part(parts):
    generator = random.Random(parts)
    durations = {f"case{index}": generator.expovariate(1) for index in range(30)}
    divided = balance(durations, parts)
    assert len(divided) == parts
    assert sorted(name for part in divided for name in part) == sorted(durations)
    longest = max(sum(durations[name] for name in part) for part in divided)
    least = max(sum(durations.values()) / parts, *durations.values())
    assert longest <= 4 / 3 * least + 1e-9


def test_the_order_of_the_input_does_not_matter():
    """Machines that collect in another order must divide alike."""
    durations = {f"case{index}": float(index % 5) for index in range(20)}
    shuffled = dict(random.Random(0).sample(sorted(durations.items()), 20))
    assert [set(part) for part in balance(durations, 3)] == [set(part) for part in balance(shuffled, 3)]


def test_a_case_without_a_past_has_the_mean_of_others_of_its_size():
    assert fill_gaps(["a", "b", "c"], {"a": 6.0, "x": 100.0}, {"a": 3, "b": 1, "c": 2}) == {"a": 6, "b": 2, "c": 4}
    assert fill_gaps(["a", "b"], {}, {"a": 3, "b": 1}) == {"a": 3, "b": 1}
    assert fill_gaps(["a", "b"], {"a": 0.0}, {"a": 3, "b": 1}) == {"a": 3, "b": 1}


def test_wall_time_falls_until_the_longest_case_is_left():
    measuring = {f"case{index}": 10.0 for index in range(20)} | {"long": 50.0}
    preparing = dict.fromkeys(measuring, 2.0)
    walls = [wall_seconds(preparing, measuring, hosts) for hosts in (1, 2, 4, 10, 100, 1000)]
    assert walls == sorted(walls, reverse=True)
    assert walls[0] == 292
    assert walls[-1] == walls[-2] == 52
