"""Waves of thread blocks: where they end, and which tile explains a staircase."""

import math

import numpy as np
import pytest

from pytest_formfunc.function.waves import TILES, explain_steps, last_of_waves, waves
from pytest_formfunc.stats.steps import find_steps, highest

H100, ROWS = 132, 112 * 112
WIDTHS = list(range(32, 545, 32))


def test_a_wave_is_as_many_blocks_as_multiprocessors():
    """One block more takes another wave."""
    assert [waves(64 * blocks, 64, (64, 64), 10) for blocks in (1, 10, 11, 20, 21)] == [1, 1, 2, 2, 3]
    assert waves(1, 1, (256, 128), H100) == 1


@pytest.mark.parametrize("tile", TILES)
def test_the_tile_of_a_staircase_is_found(tile):
    """From its edges alone; tiles that give the same edges explain them as well."""
    edges = last_of_waves(ROWS, WIDTHS, tile, H100)
    found = explain_steps(edges, ROWS, WIDTHS, H100)
    assert found.agreement == 1.0
    assert found.expected == edges


def test_it_is_found_in_noisy_latencies():
    """Launches scatter by 2%, and a wave takes what it takes."""
    tile, generator = (128, 128), np.random.default_rng(0)
    curve = [math.log(waves(ROWS, width, tile, H100)) for width in WIDTHS]
    rounds = np.exp(np.asarray(curve) + generator.normal(0, 0.02, (8, len(WIDTHS))))
    steps = [WIDTHS[step.before] for step in highest(find_steps(rounds.tolist()))]
    found = explain_steps(steps, ROWS, WIDTHS, H100)
    assert found is not None
    assert found.expected == last_of_waves(ROWS, WIDTHS, tile, H100)


@pytest.mark.parametrize("found", [[], [40, 72, 104], WIDTHS[:-1]])
def test_steps_that_no_wave_explains(found):
    """None, some where no wave ends, and one after every width, as of processors' vectors."""
    assert explain_steps(found, ROWS, WIDTHS, H100) is None


def test_a_card_that_is_never_full_has_no_waves():
    """At batch 1 a small image gives a large card less than one wave at every width."""
    assert all(last_of_waves(14 * 14, WIDTHS, tile, H100) == () for tile in TILES if tile[0] >= 128)
