"""PyTorch eager with one change each, to show how much of a speedup comes from layout or memory management."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_formfunc.allocator import KEPT_SETTINGS, keep_freed_memory, why_not_kept
from pytest_formfunc.backends.native import NativeEngine

if TYPE_CHECKING:
    from pytest_formfunc.forms.sources import Source


class ChannelsLast(NativeEngine):
    """Weights and 4-D inputs in ``channels_last``; inputs are converted before the timed call."""

    def load(self, source: Source, artifact: Path) -> None:
        """Load the module and lay its 4-D weights out with channels last."""
        super().load(source, artifact)
        # Module.to(memory_format=...) would refuse a module that also has 5-D weights.
        for tensor in (*self._network.parameters(), *self._network.buffers()):
            tensor.data = self._lay_out(tensor.data)

    def set_inputs(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
        """Choose the arrays that the next calls read, converted to channels last."""
        super().set_inputs(inputs)
        self._arguments = self._arguments.map(lambda _, tensor: self._lay_out(tensor))

    def _lay_out(self, tensor: Any) -> Any:
        return tensor.contiguous(memory_format=self._torch.channels_last) if tensor.dim() == 4 else tensor

    def settings(self) -> dict[str, Any]:
        """Return the settings that differ from the engine's defaults."""
        return {**super().settings(), "memory_format": "channels_last"}


class NativeNhwcEngine(ChannelsLast):
    """PyTorch eager with channels last."""


class NativeRetainEngine(NativeEngine):
    """An allocator that keeps freed memory: large tensors come from the heap, and the heap never shrinks."""

    def why_unavailable(self) -> str | None:
        """Return a clause that says so where the allocator is not glibc's, else None."""
        return why_not_kept()

    def load(self, source: Source, artifact: Path) -> None:
        """Change the allocator, then build the module."""
        keep_freed_memory()
        super().load(source, artifact)

    def settings(self) -> dict[str, Any]:
        """Return the settings that differ from the engine's defaults."""
        return dict(KEPT_SETTINGS)
