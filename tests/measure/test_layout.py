"""With the real allocator no hole of a size is left after filling, and layouts differ."""

import ctypes

import pytest

from pytest_formfunc.measure import layout
from pytest_formfunc.measure.layout import HeapShaker


@pytest.fixture
def shaker():
    one = HeapShaker(1)
    if not one.active:
        pytest.skip("needs glibc's mallinfo2")
    yield one
    for block in one._held:
        one._libc.free(block)


@pytest.mark.alone  # what other tests left in the heap of this process decides where holes are
def test_filling_takes_holes_and_stops_at_the_top(shaker):
    """Holes that were made on purpose are filled, and the last block is the first without a hole."""
    size = 100_000
    blocks = [shaker._libc.malloc(size) for _ in range(8)]
    for block in blocks[1::2]:
        shaker._libc.free(block)
    shaker._fill_holes(size)
    assert set(blocks[1::2]) <= set(shaker._held) | {0}
    assert len(shaker._held) >= 4
    for block in blocks[::2]:
        shaker._libc.free(block)


def test_each_shake_draws_another_layout(shaker):
    """The blocks that are held change, and their number does not grow without limit."""
    held = []
    for _ in range(12):
        shaker.shake()
        held.append(tuple(sorted(shaker._held)))
    assert len(set(held)) >= 6
    assert max(map(len, held)) <= layout._MOST_KEPT + len(layout._FILL_BYTES) * layout._MOST_BLOCKS


def test_the_number_of_kept_blocks_is_limited(shaker, monkeypatch):
    """If holes never end and as many blocks as allowed are kept, the others are freed."""
    monkeypatch.setattr(layout, "_MOST_KEPT", 10)
    monkeypatch.setattr(shaker._random, "randint", lambda low, high: high)
    monkeypatch.setattr(
        shaker, "_fill_holes", lambda size: shaker._held.extend(shaker._libc.malloc(size) for _ in range(30))
    )
    for _ in range(5):
        shaker.shake()
        assert len(shaker._held) <= 10 + 4 * 30


def test_without_glibc_nothing_is_done(monkeypatch):
    """If the C library lacks the functions, layouts stay as they are."""

    class Bare:
        def __init__(self, name):
            pass

    monkeypatch.setattr(ctypes, "CDLL", Bare)
    shaker = HeapShaker(0)
    shaker.shake()
    assert not shaker.active
    assert not shaker._held
