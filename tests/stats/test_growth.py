"""Latencies that grow from call to call, as of a network that keeps something of each."""

import random

import pytest

from pytest_formfunc.measure.history import PAIRS
from pytest_formfunc.stats.growth import PARTS, grown, may_grow

RISING = [1.1, 1.2, 1.3, 1.5, 1.7, 1.9]


def test_a_launch_that_ends_slower_than_it_began_is_looked_at_again():
    """Whatever the reason; one that ends as it began is not, nor one of too few calls or without early ones."""
    assert may_grow(RISING, 1.0)
    assert may_grow([2.0] * 6, 1.0)
    assert not may_grow(RISING[::-1], 1.0)
    assert not may_grow(RISING[: PARTS - 1], 1.0)
    assert not may_grow(RISING, 0.0)
    assert may_grow(RISING, 5.0)  # a busy moment at its begin hides nothing


def test_growth_is_seen_through_noise():
    """Calls that scatter by a fifth, and become four times as long."""
    generator = random.Random(0)
    calls = [(1 + index / 100) * generator.lognormvariate(0.0, 0.2) for index in range(300)]
    assert may_grow(calls, 1.0)


def test_it_is_the_median_of_the_pairs():
    """One of them on either side may be a stray."""
    assert grown([0.5, 0.6, 0.5, 2.9, 0.4], [1.1, 1.2, 0.3, 1.0, 1.1]) == pytest.approx(2.2)
    assert grown([1.0] * 7, [2.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]) is None
    assert grown([1.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0], [2.0] * 7) is None
    assert grown([1.0] * 7, [1.9] * 7) is None


def test_two_processes_that_differ_are_not_compared_with_each_other():
    assert grown([1.7] * 7, [1.7] * 7) is None
    assert grown([1.7] * 7, [1.0] * 7) is None


def test_noise_does_not_grow_by_chance():
    """Not once in five thousand looks, in which two processes that are the same differ by a quarter from turn to turn."""
    generator = random.Random(1)
    cases = [[[generator.lognormvariate(0.0, 0.25) for _ in range(PAIRS)] for _ in range(2)] for _ in range(5000)]
    assert [grown(*case) for case in cases] == [None] * 5000
