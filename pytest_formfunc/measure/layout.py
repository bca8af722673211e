"""Change the heap layout every few rounds, so that a result does not rest on one lucky or unlucky layout.

Either glibc keeps the pages of a big activation, or it returns them to the kernel and each call faults them in again.
Which of the two happens depends on the holes in the heap and on what lies above them, and it changes native's latency
by half. A forked worker inherits its server's heap, so all launches of a run would share one random layout, and a saved
run would have another. Drawing a new layout many times turns this effect into scatter, which the interval shows and the
mean averages out (Mytkowicz et al., "Producing wrong data without doing anything obviously wrong!", ASPLOS 2009;
Curtsinger and Berger, "Stabilizer", ASPLOS 2013). The allocator itself is the default one.
"""

from __future__ import annotations

import ctypes
import random

# Holes are filled with blocks of these sizes, which start just below glibc's first mmap threshold (128 KiB).
_FILL_BYTES = (120_000, 30_000, 8_000, 2_000)
_FILL_CHANCE = 0.7
_MOST_BLOCKS = 2_000  # of one size, so that holes of hundreds of MB are not filled
_MOST_KEPT = len(_FILL_BYTES) * _MOST_BLOCKS  # blocks that are kept from one layout to the next, at most


class _Mallinfo2(ctypes.Structure):
    """glibc's ``struct mallinfo2`` (``mallinfo2(3)``, since glibc 2.33)."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    )  # fmt: skip


class HeapShaker:
    """Holds a random set of heap blocks, which changes with each `shake`. It does nothing without glibc."""

    def __init__(self, seed: int) -> None:
        """Seed the sequence of layouts."""
        self._random = random.Random(seed)
        self._held: list[int] = []
        libc = ctypes.CDLL(None)
        self.active = all(hasattr(libc, name) for name in ("malloc", "free", "sbrk", "mallinfo2"))
        if self.active:
            libc.malloc.restype = libc.sbrk.restype = ctypes.c_void_p
            libc.malloc.argtypes = [ctypes.c_size_t]
            libc.sbrk.argtypes = [ctypes.c_ssize_t]
            libc.free.argtypes = [ctypes.c_void_p]
            libc.mallinfo2.restype = _Mallinfo2
        self._libc = libc

    def shake(self) -> None:
        """Free a random part of the blocks, then fill the heap's holes with blocks of randomly chosen sizes."""
        if not self.active:
            return
        self._random.shuffle(self._held)
        keep = self._random.randint(0, min(len(self._held), _MOST_KEPT))
        for block in self._held[keep:]:
            self._libc.free(block)
        del self._held[keep:]
        for size in _FILL_BYTES:
            if self._random.random() < _FILL_CHANCE:
                self._fill_holes(size)

    def _fill_holes(self, size: int) -> None:
        """Allocate blocks until one comes from the top of the heap, which means that no hole of that size is left."""
        top = self._top()
        for _ in range(_MOST_BLOCKS):
            block = self._libc.malloc(size)
            if block:
                self._held.append(block)
            if not block or block >= top:
                return

    def _top(self) -> int:
        """Return where the heap's last free chunk begins. This is slow because glibc walks its lists."""
        return int(self._libc.sbrk(0) or 0) - int(self._libc.mallinfo2().keepcost)
