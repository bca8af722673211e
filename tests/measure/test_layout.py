"""The real allocator: after a fill no hole of that size is left, and draws differ."""

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


def test_filling_takes_holes_and_stops_at_the_top(shaker):
    """Holes made on purpose are taken again, and the last block is the one that found none."""
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
    """What is held changes, and what is let go does not pile up."""
    held = []
    for _ in range(12):
        shaker.shake()
        held.append(tuple(sorted(shaker._held)))
    assert len(set(held)) >= 6
    assert max(map(len, held)) <= layout._MOST_KEPT + len(layout._FILL_BYTES) * layout._MOST_BLOCKS


def test_what_is_kept_is_bounded_whatever_is_drawn(shaker, monkeypatch):
    """A heap with holes without end, and a draw that keeps all it may: the rest is let go."""
    monkeypatch.setattr(layout, "_MOST_KEPT", 10)
    monkeypatch.setattr(shaker._random, "randint", lambda low, high: high)
    monkeypatch.setattr(
        shaker, "_fill_holes", lambda size: shaker._held.extend(shaker._libc.malloc(size) for _ in range(30))
    )
    for _ in range(5):
        shaker.shake()
        assert len(shaker._held) <= 10 + 4 * 30


def test_without_glibc_nothing_is_done(monkeypatch):
    """Where the C library cannot tell, layouts stay as they are."""

    class Bare:
        def __init__(self, name):
            pass

    monkeypatch.setattr(ctypes, "CDLL", Bare)
    shaker = HeapShaker(0)
    shaker.shake()
    assert not shaker.active
    assert not shaker._held
