"""Latencies that grow from call to call, as of a network that keeps something of each."""

import random

from pytest_formfunc.stats.growth import PARTS, growth

RISING = [1.1, 1.2, 1.3, 1.4, 1.5, 1.6]


def noisy(generator, calls=60):
    return [generator.lognormvariate(0.0, 0.2) for _ in range(calls)]


def test_it_is_the_least_growth_of_any_launch():
    """Of at least two launches, each of which has some calls; one that was long from its begin need not rise."""
    assert growth([RISING, [2 * one for one in RISING]], [1.0, 1.0]) == 1.6
    assert growth([RISING, [2.0] * 6], [1.0, 1.0]) == 1.6
    assert growth([RISING], [1.0]) is None
    assert growth([RISING[: PARTS - 1], RISING], [1.0, 1.0]) is None
    assert growth([RISING, RISING], [1.0, 0.0]) is None


def test_a_launch_that_ends_as_it_began_clears_it():
    """A machine that warms up, or a slow moment, is not a history; neither is one slow launch after another."""
    for steady in ([1.0] * 6, RISING[::-1]):
        assert growth([RISING, steady], [1.0, 1.2]) is None
    assert growth([[2.0] * 6, [2.0] * 6], [1.0, 1.0]) is None


def test_growth_is_seen_through_noise():
    """Calls that scatter by a fifth, and become four times as long."""
    generator = random.Random(0)
    launches = [[one * (1 + index / 100) for index, one in enumerate(noisy(generator, 300))] for _ in range(3)]
    assert 2 < growth(launches, [1.0] * 3) < 4.5


def test_noise_does_not_grow_by_chance():
    """Not once in two thousand cases of two launches."""
    generator = random.Random(1)
    cases = [([noisy(generator) for _ in range(2)], noisy(generator, 2)) for _ in range(2000)]
    assert [growth(*case) for case in cases] == [None] * 2000
