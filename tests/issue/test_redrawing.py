"""Random values in place of weights: the same size and range, nothing of the original, and a graph that still works."""

import numpy as np
import pytest

from pytest_formfunc.backends.redrawing import STEERING, redraw, redraw_bytes

GENERATOR = np.random.default_rng(7)
NORMAL = GENERATOR.normal(0.3, 2.0, 20_000)


@pytest.mark.parametrize(
    "values",
    [
        NORMAL.astype(np.float32),
        NORMAL.astype(np.float16),
        NORMAL,
        GENERATOR.uniform(-0.1, 0.1, (64, 32, 3, 3)).astype(np.float32),
        GENERATOR.gamma(0.5, 3.0, 5000).astype(np.float32),
        GENERATOR.integers(-127, 128, (64, 64)).astype(np.int8),
    ],
)
def test_it_has_the_size_of_the_original_and_none_of_its_values(values):
    drawn = redraw(values)
    assert (drawn.dtype, drawn.shape) == (values.dtype, values.shape)
    wide, original = drawn.astype(float), values.astype(float)
    assert wide.std() == pytest.approx(original.std(), rel=0.05)
    assert wide.mean() == pytest.approx(original.mean(), abs=0.05 * original.std())
    assert original.min() <= wide.min()
    assert wide.max() <= original.max()
    assert abs(np.corrcoef(wide.ravel(), original.ravel())[0, 1]) < 0.06
    assert (redraw(values) != drawn).mean() > 0.9


def test_what_was_positive_stays_so():
    """A variance below zero would make a batch norm give nothing but NaN."""
    variance = GENERATOR.gamma(0.3, 1.0, 400).astype(np.float32) + np.float32(1e-3)
    assert (redraw(variance) > 0).all()


@pytest.mark.parametrize(
    "values",
    [
        np.array([1, -1, 8, 8]),
        np.arange(STEERING),
        np.float32(1e-5),
        np.full((64, 3), 0.5, np.float32),
        np.triu(np.full((16, 16), -np.inf, np.float32), 1),
        np.triu(np.full((16, 16), np.finfo(np.float32).min, np.float32), 1),
        GENERATOR.random((40, 40)) > 0.5,
        np.array([], np.float32),
    ],
)
def test_what_steers_the_graph_stays(values):
    np.testing.assert_array_equal(redraw(values), values)


def test_indices_stay_in_bounds():
    table = GENERATOR.integers(0, 169, (49, 49))
    drawn = redraw(table)
    assert drawn.dtype == table.dtype
    assert drawn.min() >= 0
    assert drawn.max() <= table.max()
    assert (drawn != table).mean() > 0.9


def test_few_values_do_not_come_back():
    """Two weights would else be drawn from the two that there are."""
    bias = np.array([0.731, -0.219], np.float32)
    assert not {*bias.tolist()} & {*redraw(bias).tolist()}


def test_numbers_of_a_few_bits_are_drawn_by_the_byte():
    content = GENERATOR.integers(0, 256, 500).astype(np.uint8).tobytes()
    assert len(redraw_bytes(content)) == 500
    assert redraw_bytes(content) != content
    assert redraw_bytes(content[:8]) == content[:8]
