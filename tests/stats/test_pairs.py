"""Two series of the same rounds: their ratio, and two levels that divide to it."""

import math

import numpy as np
import pytest

from pytest_formfunc.stats.pairs import launch_levels, launch_logs, paired_log_ratios, typical_round
from pytest_formfunc.stats.trimmed import MANY, kept_rounds, trimmed_mean


def made_up(seed, counts):
    """Return latencies that the machine's speed and outliers move, by launch."""
    generator = np.random.default_rng(seed)
    return [
        np.exp(generator.normal(0, 0.3, count) + 2.0 * (generator.random(count) < 0.15)).tolist() for count in counts
    ]


@pytest.mark.parametrize("counts", [[8] * 6, [1, 2, 3, 4, 5], [MANY, MANY + 1, 36], [2, 8, 15]])
def test_the_levels_divide_to_the_ratio_exactly(counts):
    """Launch by launch, so in the mean over any servers too; outliers and all."""
    native, accelerated = made_up(1, counts), made_up(2, counts)
    logs = launch_logs(native, accelerated)
    over, under = launch_levels(native, accelerated), launch_levels(accelerated, native)
    assert np.subtract(over, under) == pytest.approx(logs, abs=1e-13)
    ratio = typical_round(native, accelerated) / typical_round(accelerated, native)
    assert ratio == pytest.approx(math.exp(np.mean(logs)), rel=1e-12)


def test_they_do_so_where_rounds_have_equal_ratios_too():
    """Which of equal rounds are left out is then a matter of order, which the two sides see the other way round."""
    native, accelerated = [[1.0, 2.0, 8.0, 16.0]], [[1.0, 2.0, 4.0, 8.0]]
    levels = launch_levels(native, accelerated)[0] - launch_levels(accelerated, native)[0]
    assert levels == pytest.approx(launch_logs(native, accelerated)[0], abs=1e-13)


def test_rounds_that_only_one_side_has_do_not_count():
    """A participant that took part in the first rounds only is compared with the other's first ones."""
    native, accelerated = [[4.0, 4.0]], [[2.0, 2.0, 90.0, 90.0]]
    assert launch_logs(native, accelerated) == pytest.approx([math.log(2)])
    assert launch_levels(accelerated, native) == pytest.approx([math.log(2)])
    assert launch_levels(native, accelerated) == pytest.approx([math.log(4)])


def test_an_outlier_on_one_side_leaves_the_round_out_on_both():
    """The rounds are chosen by their ratio."""
    native, accelerated = [[4.0, 4.1, 4.2, 400.0]], [[2.0, 2.05, 2.1, 2.0]]
    assert launch_logs(native, accelerated) == pytest.approx([math.log(2)])
    assert math.exp(launch_levels(native, accelerated)[0]) < 4.3
    assert math.exp(launch_levels(accelerated, native)[0]) > 1.99


def test_without_another_series_a_level_is_trimmed_by_its_own_values():
    """Half of four rounds are left out."""
    assert launch_levels([[1.0, 2.0, 8.0, 900.0]]) == pytest.approx([math.log(4)])
    assert typical_round([[1.0, 2.0, 8.0, 900.0], [16.0]]) == pytest.approx(8.0)


@pytest.mark.parametrize("count", [1, 3, 4, 8, MANY - 1, MANY, 40])
def test_the_rounds_that_are_kept_are_those_of_the_trimmed_mean(count):
    """Ties too are kept once."""
    values = np.round(np.random.default_rng(count).normal(size=count), 1)
    kept = kept_rounds(values)
    assert len(set(kept.tolist())) == len(kept)
    assert values[kept].mean() == pytest.approx(float(trimmed_mean(values)))


@pytest.mark.parametrize(("over", "under"), [([], []), ([[1.0]], [[1.0], [2.0]])])
def test_both_sides_need_the_same_launches(over, under):
    """Pairs are of the same launch."""
    with pytest.raises(ValueError, match="same number of launches"):
        paired_log_ratios(over, under)
