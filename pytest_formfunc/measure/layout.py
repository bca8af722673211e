"""Give each round another heap layout, so that one lucky or unlucky layout is not taken for the truth.

Whether glibc keeps a big activation's pages or returns and faults them in again at each call depends on which holes the
heap has and on what lies above them, and changes native's latency by half. A forked worker inherits its server's heap,
so all launches would repeat one accident, and a saved baseline would hold another. Drawing the layout anew many
times turns that accident into scatter that the interval shows and the mean averages out (Mytkowicz et al., "Producing
wrong data without doing anything obviously wrong!", ASPLOS 2009; Curtsinger and Berger, "Stabilizer", ASPLOS 2013).
The allocator itself stays as it is: default.
"""

from __future__ import annotations

import ctypes
import random

# Blocks of these sizes fill holes, from just below glibc's first mmap threshold (128 KiB) downwards.
_FILL_BYTES = (120_000, 30_000, 8_000, 2_000)
_FILL_CHANCE = 0.7
_MOST_BLOCKS = 2_000  # of one size: holes of hundreds of MB are left as they are
_MOST_KEPT = len(_FILL_BYTES) * _MOST_BLOCKS  # from one layout to the next


class _Mallinfo2(ctypes.Structure):
    """glibc's ``struct mallinfo2`` (``mallinfo2(3)``, since glibc 2.33)."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    )  # fmt: skip


class HeapShaker:
    """Holds a random set of heap blocks, another one after each `shake`. Does nothing without glibc."""

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
        """Free a random part of what is held, then fill the heap's holes, some sizes more often than not."""
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
        """Allocate blocks until one is cut from the top of the heap: then no hole of that size is left."""
        top = self._top()
        for _ in range(_MOST_BLOCKS):
            block = self._libc.malloc(size)
            if block:
                self._held.append(block)
            if not block or block >= top:
                return

    def _top(self) -> int:
        """Return where the heap's last free chunk begins; asked once a size, for glibc walks its lists to tell."""
        return int(self._libc.sbrk(0) or 0) - int(self._libc.mallinfo2().keepcost)
