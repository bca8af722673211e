"""Steps that were planted are found, and a curve without any has none."""

import math

import numpy as np
import pytest

from pytest_formfunc.stats.steps import find_steps, spacing

WIDTHS = list(range(48, 97))


def measured(curve, noise=0.01, rounds=9, seed=0, common=0.2):
    """Return rounds of a curve: each value with noise of its own, and one that the whole round has in common."""
    generator = np.random.default_rng(seed)
    logs = np.log([curve(width) for width in WIDTHS])
    each = generator.normal(0, noise, (rounds, len(WIDTHS)))
    return np.exp(logs + each + generator.normal(0, common, (rounds, 1)))


def stairs(block):
    return lambda width: math.ceil(width / block)


def test_every_edge_of_planted_stairs_is_found():
    found = find_steps(measured(stairs(16)))
    assert [WIDTHS[step.before] for step in found] == [48, 64, 80]
    assert spacing(found, WIDTHS) == 16
    for step, (under, over) in zip(found, [(3, 4), (4, 5), (5, 6)], strict=True):
        assert step.rises
        assert step.ratio.low * 0.98 < over / under < step.ratio.high * 1.02


@pytest.mark.parametrize("block", [8, 16, 32])
def test_stairs_on_a_slope_are_found(block):
    found = find_steps(measured(lambda width: 1 + width / 100 + math.ceil(width / block) * block / 40, noise=0.006))
    edges = [width for width in WIDTHS[:-1] if width % block == 0]
    assert [WIDTHS[step.before] for step in found] == edges


@pytest.mark.simulation
@pytest.mark.parametrize("curve", [lambda width: 1.0, float, lambda width: width**2.0], ids=["flat", "line", "square"])
def test_curves_without_steps_have_none(curve):
    false = sum(bool(find_steps(measured(curve, noise=0.02, seed=seed))) for seed in range(200))
    assert false <= 20  # 5% are due; more than 10% of 200 would be a chance of 1 in 1000


def test_single_odd_point_is_no_step():
    assert not find_steps(measured(lambda width: 1.5 if width == 70 else 1.0))
    assert not find_steps(measured(lambda width: 0.7 if width == 64 else 1.0))


def test_fall_is_a_step_that_does_not_rise():
    (step,) = find_steps(measured(lambda width: 2.0 if width < 64 else 1.0))
    assert not step.rises
    assert WIDTHS[step.after] == 64
    assert spacing([step], WIDTHS) is None


def test_noise_that_hides_a_step_hides_it():
    assert not find_steps(measured(stairs(16), noise=0.5))


def test_too_few_rounds_or_points():
    with pytest.raises(ValueError, match="at least 4 rounds"):
        find_steps(measured(stairs(8))[:3])
    with pytest.raises(ValueError, match="at least 6 points"):
        find_steps([[1, 2, 3, 4, 5]] * 5)
