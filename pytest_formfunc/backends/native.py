"""PyTorch eager, the default reference of every speedup."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_formfunc.backends.arrays import from_array, output_array
from pytest_formfunc.backends.base import Engine
from pytest_formfunc.backends.torch_state import unusual_settings
from pytest_formfunc.errors import MeasurementError, Unsupported

if TYPE_CHECKING:
    import numpy as np

    from pytest_formfunc.backends.profiling import Profiler
    from pytest_formfunc.forms.built import Network
    from pytest_formfunc.forms.sources import Source


class NativeEngine(Engine):
    """The module as it was written, float32, default memory format and allocator, inference mode."""

    artifact = "weights.pt"
    takes_strides = True
    _rounded_to = ""  # the half precision of its outputs

    def why_unavailable(self) -> str | None:
        """Return None: PyTorch runs on every CPU that it installs on."""
        return None

    @classmethod
    def prepare(cls, network: Network, artifact: Path) -> None:
        """Save the weights, so that every launch loads the same ones.

        Raises:
            Unsupported: the model is a file that has no PyTorch form.
        """
        import torch

        if network.module is None:
            from pytest_formfunc.forms.model_files import no_torch_form

            raise Unsupported(no_torch_form(network.file.name if network.file else "it"))
        torch.save(network.module.state_dict(), artifact)

    def load(self, source: Source, artifact: Path) -> None:
        """Build the module with the saved weights."""
        import torch

        torch.set_num_threads(self.threads)
        self._torch = torch
        self._network = source.restore(artifact)
        self._arguments = source.inputs(0)

    def set_inputs(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
        """Choose the arrays that the next calls read."""
        tensors = zip(inputs, self._arguments.tensors, strict=True)
        self._arguments = self._arguments.with_tensors([from_array(array, like) for array, like in tensors])

    def call(self) -> Any:
        """Run the model once and wait for its outputs."""
        with self._torch.inference_mode():
            return self._network(*self._arguments.args, **self._arguments.kwargs)

    def outputs(self) -> list[np.ndarray[Any, Any]]:
        """Run the model once and return its outputs, flattened, as copies."""
        from pytest_formfunc.backends.precision import half_outputs

        result = self.call()
        self._rounded_to = half_outputs(result)
        return arrays_of(result)

    def output_names(self) -> list[str]:
        """Run the model once and return what its outputs are called."""
        return names_of(self.call())

    def state(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return copies of the module's buffers, by name, to see which of them calls change."""
        return {name: output_array(buffer) for name, buffer in self._network.named_buffers()}

    def profiler(self, program: Any) -> Profiler:
        """Return what runs the exported program operator by operator.

        Raises:
            MeasurementError: there is no program, or it branches.
        """
        from pytest_formfunc.backends.native_profile import NativeProfiler

        if program is None:
            raise MeasurementError("there is no exported program, whose operators could be timed")
        return NativeProfiler(program, self._arguments, self._lay_out)

    def _lay_out(self, tensor: Any) -> Any:
        """Return a weight as the engine has it in memory."""
        return tensor

    def settings(self) -> dict[str, Any]:
        """Return what distinguishes the module from float32 that PyTorch runs operator by operator, by its defaults."""
        precision = {"computes in": self.precision} if self.precision != "f32" else {}
        return precision | self._kind() | unusual_settings()

    def _kind(self) -> dict[str, Any]:
        kinds = {type(module) for module in self._network.modules()}
        found: dict[str, Any] = {}
        if any(kind.__name__ == "OptimizedModule" for kind in kinds):
            found["compiled by"] = "torch.compile"
        if any(issubclass(kind, self._torch.jit.ScriptModule) for kind in kinds):
            found["compiled by"] = "torch.jit.script"
        if any(".quantized" in kind.__module__ for kind in kinds):
            found["quantised by"] = "torch.ao.quantization"
        return found

    @property
    def precision(self) -> str:
        """Return the half precision that its operators compute in, or else the precision of the weights."""
        from pytest_formfunc.backends.precision import NAMES

        seen = self._rounded_to if self.half is None else self.half  # compiled code shows nothing but its outputs
        kinds = [tensor.dtype for tensor in self._network.parameters() if tensor.is_floating_point()]
        return seen or (NAMES.get(kinds[0], "f32") if kinds else "f32")

    @property
    def rounded_to(self) -> str:
        """Return the half precision that the outputs have, which may be rounded from a better one; or nothing."""
        return self._rounded_to


def arrays_of(result: Any) -> list[np.ndarray[Any, Any]]:
    """Return the tensors in a module's result, flattened, as copies; 16-bit floats become float32."""
    import torch
    from torch.utils import _pytree

    return [output_array(leaf) for leaf in _pytree.tree_leaves(result) if isinstance(leaf, torch.Tensor)]


def names_of(result: Any) -> list[str]:
    """Return what the tensors in a module's result are called, as one would index it; empty for a single tensor.

    ``{"boxes": tensor, "scores": (tensor, None)}`` has ``['boxes']`` and ``['scores'][0]``.
    """
    import torch
    from torch.utils import _pytree

    leaves, _ = _pytree.tree_flatten_with_path(result)
    return [_pytree.keystr(path) for path, leaf in leaves if isinstance(leaf, torch.Tensor)]
