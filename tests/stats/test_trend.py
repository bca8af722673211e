"""A known exponent is found; noise has no trend; ranks agree with a published example."""

import numpy as np
import pytest

from pytest_formfunc.stats.trend import _spearman, find_trend


def test_a_known_power_is_found():
    x = np.geomspace(1, 1000, 20)
    noise = np.exp(np.random.default_rng(0).normal(0, 0.1, 20))
    found = find_trend(x, 3 * x**0.4 * noise)
    assert found.exponent.low < 0.4 < found.exponent.high
    assert found.exponent.high - found.exponent.low < 0.1
    assert found.correlation.low > 0.8
    assert found.answer == "it grows"
    assert find_trend(x, 1 / (x**0.4 * noise)).answer == "it falls"


@pytest.mark.simulation
def test_noise_is_rarely_reported_as_a_trend():
    """Of 200 draws without a trend, at most 5% (plus four standard errors) are reported as one."""
    generator = np.random.default_rng(1)
    found = 0
    for _ in range(200):
        x, y = np.exp(generator.normal(size=(2, 12)))
        found += find_trend(x, y).answer != "no clear trend"
    assert found <= 200 * 0.05 + 4 * np.sqrt(200 * 0.05 * 0.95)


def test_ranks_are_spearmans():
    """In the example of IQ and hours of television, rho is -29/165."""
    iq = np.array([106, 100, 86, 101, 99, 103, 97, 113, 112, 110], dtype=float)
    hours = np.array([7, 27, 2, 50, 28, 29, 20, 12, 6, 17], dtype=float)
    assert _spearman(iq, hours) == pytest.approx(-29 / 165)
    assert _spearman(np.array([1.0, 1.0, 2.0, 3.0]), np.array([1.0, 1.0, 2.0, 3.0])) == pytest.approx(1.0)


@pytest.mark.parametrize(("x", "y"), [([1] * 4, [1] * 4), ([2] * 6, [1, 2, 3, 4, 5, 6]), ([1, 2, 3, 4, 5], [1])])
def test_too_little_is_refused(x, y):
    with pytest.raises(ValueError, match="at least 5 pairs"):
        find_trend(x, y)
