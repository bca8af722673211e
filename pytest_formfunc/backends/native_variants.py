"""PyTorch eager with one thing changed: how much of a speedup is layout, how much is memory management."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_formfunc.backends.native import NativeEngine

if TYPE_CHECKING:
    from pytest_formfunc.forms.sources import Source

# Parameters of glibc's mallopt(3), from <malloc.h>.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_NEVER = -1  # as M_TRIM_THRESHOLD: the top of the heap is never given back


class NativeNhwcEngine(NativeEngine):
    """Weights and 4-D inputs in ``channels_last``; inputs are converted before the timed call."""

    def load(self, source: Source, artifact: Path) -> None:
        """Build the module and lay its 4-D weights out with channels last."""
        super().load(source, artifact)
        # Not Module.to(memory_format=...): it refuses a module that has 5-D weights beside the 4-D ones.
        for tensor in (*self._network.parameters(), *self._network.buffers()):
            tensor.data = self._channels_last(tensor.data)

    def set_inputs(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
        """See `Engine.set_inputs`."""
        super().set_inputs(inputs)
        self._arguments = self._arguments.map(lambda _, tensor: self._channels_last(tensor))

    def _channels_last(self, tensor: Any) -> Any:
        return tensor.contiguous(memory_format=self._torch.channels_last) if tensor.dim() == 4 else tensor

    def settings(self) -> dict[str, Any]:
        """See `Engine.settings`."""
        return {"memory_format": "channels_last"}


class NativeRetainEngine(NativeEngine):
    """An allocator that keeps what it frees: big tensors come from the heap, and the heap never shrinks.

    glibc maps each tensor above a threshold anew and unmaps it when it is freed, so that a call faults all its pages in
    again. This is what the MALLOC_ variables do for a whole process, done for this worker alone, once it runs. Blocks
    that the heap shaker frees stay in the heap too: another layout changes which addresses are used, not who owns them.
    """

    def why_unavailable(self) -> str | None:
        """Return that the C library is another than glibc, or None; see `Engine.why_unavailable`."""
        return None if hasattr(ctypes.CDLL(None), "mallopt") else "the C library has no mallopt (it is not glibc)"

    def load(self, source: Source, artifact: Path) -> None:
        """Change the allocator, then build the module."""
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, _NEVER)
        super().load(source, artifact)

    def settings(self) -> dict[str, Any]:
        """See `Engine.settings`."""
        return {"M_MMAP_MAX": 0, "M_TRIM_THRESHOLD": _NEVER}
