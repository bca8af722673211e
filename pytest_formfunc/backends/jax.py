"""JAX (XLA) on the CPU: the exported program run by torchax, compiled for the example's shapes."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_formfunc.backends.base import Engine, require_module

if TYPE_CHECKING:
    from pytest_formfunc.forms.built import Network
    from pytest_formfunc.forms.sources import Source


class JaxEngine(Engine):
    """``jax.jit`` of the exported program, float32; weights and inputs are JAX arrays before the timed call.

    XLA starts one thread for each core that the process may use and has no setting for that number, so the worker is
    bound to its first ``threads`` cores. Lowering and compiling are part of loading, in each launch.
    """

    artifact = "program.pt2"

    def why_unavailable(self) -> str | None:
        """Return why torchax does not import with this version of torch, or None."""
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        try:
            import torchax.export  # noqa: F401
        except Exception as error:  # noqa: BLE001 - it uses names that only some versions of torch have
            return f"torchax does not import with this torch ({type(error).__name__}: {str(error)[:120]})"
        return None

    @classmethod
    def prepare(cls, network: Network, artifact: Path) -> None:
        """Save the exported program.

        Raises:
            Unsupported: the model is a file that has no PyTorch form.
        """
        import torch

        require_module(network, "torchax takes PyTorch programs")
        torch.export.save(network.program, artifact)

    def load(self, source: Source, artifact: Path) -> None:
        """Turn the program into a JAX function and compile it for the example's shapes."""
        cores = sorted(os.sched_getaffinity(0))[: self.threads]
        os.sched_setaffinity(0, cores)  # before JAX counts them
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        import jax
        import torch
        from torchax.export import exported_program_to_jax

        torch.set_num_threads(self.threads)
        self._jax = jax
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations between the libraries, none of the user's
            weights, function = exported_program_to_jax(torch.export.load(artifact))
            self._weights = jax.tree_util.tree_map(jax.numpy.asarray, weights)
            example = self._on_device([tensor.numpy() for tensor in source.inputs(0).tensors])
            self._compiled = jax.jit(function).lower(self._weights, example).compile()

    def _on_device(self, arrays: Any) -> tuple[Any, ...]:
        return tuple(self._jax.numpy.asarray(array) for array in arrays)

    def set_inputs(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
        """Choose the arrays that the next calls read."""
        self._inputs = self._on_device(inputs)

    def call(self) -> Any:
        """Run the model once and wait for its outputs."""
        return self._jax.block_until_ready(self._compiled(self._weights, self._inputs))

    def outputs(self) -> list[np.ndarray[Any, Any]]:
        """Run the model once and return its outputs, flattened, as copies."""
        leaves = [np.array(leaf) for leaf in self._jax.tree_util.tree_leaves(self.call())]
        return [leaf.astype(np.float32) if leaf.dtype.name in ("bfloat16", "float16") else leaf for leaf in leaves]

    def settings(self) -> dict[str, Any]:
        """Return the settings that differ from the engine's defaults."""
        return {"cores": self.threads}

    @property
    def precision(self) -> str:
        """Return the weights' precision, in which XLA computes on the CPU."""
        return "f32"
