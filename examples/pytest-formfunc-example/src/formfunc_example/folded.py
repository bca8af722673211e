"""PyTorch eager after two simple steps of a deployment: batch norms are folded, and the layout is channels last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pytest_formfunc.backends.base import Engine
from pytest_formfunc.errors import Unsupported


class FoldedEngine(Engine):
    """The module traced by ``torch.fx``, its batch norms folded into convolutions and linear layers, channels last."""

    artifact = "folded.pt2"

    def why_unavailable(self) -> str | None:
        """Return None: PyTorch runs on every CPU that it installs on."""
        return None

    @classmethod
    def prepare(cls, network: Any, artifact: Path) -> dict[str, Any]:
        """Trace, fold, export and save the module; reading the saved program needs none of the user's classes.

        Raises:
            Unsupported: the model is a file, or its control flow depends on values, which ``torch.fx`` cannot trace.
        """
        import torch
        from torch.fx.experimental.optimization import fuse

        if network.module is None:
            raise Unsupported("it is a file and not a torch.nn.Module")
        try:
            folded = fuse(network.module)
        except Exception as error:  # tracing runs the user's code, which may raise anything
            raise Unsupported(f"torch.fx does not trace it ({type(error).__name__})") from error
        torch.export.save(torch.export.export(folded, network.inputs.args, network.inputs.kwargs), artifact)
        norms = torch.nn.modules.batchnorm._BatchNorm
        before, after = (sum(isinstance(one, norms) for one in net.modules()) for net in (network.module, folded))
        return {"folded": before - after}

    def load(self, source: Any, artifact: Path) -> None:
        """Load the folded module and convert its weights to channels last."""
        import torch

        torch.set_num_threads(self.threads)
        self._torch = torch
        self._module = torch.export.load(artifact).module().to(memory_format=torch.channels_last)
        self._arguments = source.inputs(0)

    def set_inputs(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
        """Keep the arguments of the next calls, channels first as users have them."""
        self._arguments = self._arguments.with_tensors([self._torch.from_numpy(array) for array in inputs])

    def call(self) -> Any:
        """Run the model once; this includes converting images to channels last."""
        last = self._torch.channels_last
        with self._torch.inference_mode():
            arguments = self._arguments.map(lambda _, one: one.contiguous(memory_format=last) if one.ndim == 4 else one)
            return self._module(*arguments.args, **arguments.kwargs)

    def outputs(self) -> list[np.ndarray[Any, Any]]:
        """Run the model once and return its outputs, flattened, as copies."""
        from torch.utils import _pytree

        return [np.array(leaf) for leaf in _pytree.tree_leaves(self.call()) if isinstance(leaf, self._torch.Tensor)]

    @property
    def precision(self) -> str:
        """Return float32, which nothing here changes."""
        return "f32"
