"""Latencies that grow from call to call, as of a network that keeps something of each."""

import random

from pytest_formfunc.stats.growth import GROWTH, growth

RISING = [1.0, 1.1, 1.3, 1.4, 1.6]


def test_it_is_the_least_growth_of_any_launch():
    """Of at least two launches of at least five rounds."""
    assert growth([RISING, [2 * one**2 for one in RISING]]) == 1.6
    assert growth([RISING]) is None
    assert growth([RISING[:4], RISING]) is None


def test_a_launch_that_does_not_grow_throughout_or_not_by_much_clears_it():
    """A machine that warms up, or a slow moment, is not a history."""
    for steady in ([1.0, 1.1, 1.05, 1.3, 1.6], [1.0, 1.01, 1.02, 1.03, 1.04], [*reversed(RISING)], [1.0] * 5):
        assert growth([RISING, steady, RISING]) is None


def test_noise_does_not_grow_by_chance():
    """Rounds that scatter by a fifth, as on a busy machine: not once in a thousand cases of six launches."""
    generator = random.Random(0)
    for _ in range(1000):
        launches = [[generator.lognormvariate(0.0, 0.2) for _ in range(5)] for _ in range(2)]
        found = growth(launches)
        assert found is None or found >= GROWTH
    assert (
        sum(
            growth([[generator.lognormvariate(0.0, 0.2) for _ in range(5)] for _ in range(6)]) is not None
            for _ in range(1000)
        )
        == 0
    )
