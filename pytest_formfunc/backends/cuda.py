"""NVIDIA GPUs through PyTorch: eager, CUDA graphs, Inductor; docs/engines.md says what is untested.

Inputs and outputs stay on the device, and calls are timed by CUDA events on the stream that they run on.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_formfunc.backends.arrays import from_array, to_array
from pytest_formfunc.backends.base import Engine, require_module
from pytest_formfunc.backends.inductor import InductorEngine, compile_package, load_package, why_no_compiler
from pytest_formfunc.backends.native import NativeEngine
from pytest_formfunc.backends.trial import for_a_trial
from pytest_formfunc.errors import MeasurementError, one_line

if TYPE_CHECKING:
    from pytest_formfunc.backends.profiling import Profiler
    from pytest_formfunc.forms.built import Network
    from pytest_formfunc.forms.sources import Source

_GPUS = Path("/proc/driver/nvidia/gpus")
_CAPTURE_WARM_UP = 3  # calls, so that libraries have allocated memory and chosen kernels before the capture


def why_no_cuda() -> str | None:
    """Return a clause that says whether torch lacks CUDA or the machine a GPU; None where both are there."""
    import torch

    if torch.version.cuda is None:
        return f"this torch ({torch.__version__}) is built without CUDA"
    if not torch.cuda.is_available():
        return "no NVIDIA GPU is visible to torch here"
    return None


def use_true_float32() -> None:
    """Switch TF32 off, which a user's module may have switched on, and which cuDNN has on by default.

    Both of PyTorch's ways to say it are used: a setting by the newer one survives the older one, and code that asks by
    the older one raises an error where the two differ.
    """
    import torch

    torch.set_float32_matmul_precision("highest")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    if hasattr(torch.backends, "fp32_precision"):  # since torch 2.9
        cudnn: Any = torch.backends.cudnn
        for place in (torch.backends.cuda.matmul, cudnn.conv, cudnn.rnn):
            place.fp32_precision = "ieee"


def gpu_key(folder: Path = _GPUS) -> str:
    """Return a digest of the GPUs' names, read from the driver's files, for artifacts made for one kind of GPU."""
    models = [
        line.partition(":")[2].strip()
        for file in sorted(folder.glob("*/information"))
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.startswith("Model:")
    ]
    return hashlib.sha256("|".join(models).encode()).hexdigest()[:8] if models else "none"


class CudaCalls(Engine):
    """Mixin for an engine whose calls run on a CUDA stream: waits for the device and times calls with CUDA events."""

    def why_unavailable(self) -> str | None:
        """Return why this machine cannot run the engine, or None where it can."""
        return why_no_cuda()

    def launch(self) -> Any:
        """Enqueue one call on ``self._stream``, without waiting for it."""
        raise NotImplementedError

    def use_device(self) -> None:
        """Set up the first GPU with its own stream and with true float32."""
        import torch

        use_true_float32()
        self._torch = torch
        self._stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._began: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        self._ended: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]

    def call(self) -> Any:
        """Run the model once and wait for its outputs."""
        with self._torch.inference_mode(), self._torch.cuda.stream(self._stream):
            result = self.launch()
        self._stream.synchronize()
        return result

    def time_call(self) -> int:
        """Call once and return the nanoseconds between events before and after it.

        Time in which the GPU waits for the CPU to launch kernels is included.
        """
        with self._torch.inference_mode(), self._torch.cuda.stream(self._stream):
            self._began.record(self._stream)
            self.launch()
            self._ended.record(self._stream)
        self._ended.synchronize()
        return int(self._began.elapsed_time(self._ended) * 1e6)

    @property
    def device(self) -> str:
        """Return the GPU's name."""
        name: str = self._torch.cuda.get_device_name()
        return name


class NativeCudaEngine(CudaCalls, NativeEngine):
    """PyTorch eager on the GPU, float32."""

    def load(self, source: Source, artifact: Path) -> None:
        """Build the module with the saved weights and move it to the GPU."""
        NativeEngine.load(self, source, artifact)
        self.use_device()
        self._network = self._network.cuda()

    def set_inputs(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
        """Copy the arrays that the next calls read to the GPU."""
        NativeEngine.set_inputs(self, inputs)
        self._arguments = self._arguments.map(lambda _, tensor: tensor.cuda())

    def launch(self) -> Any:
        """Enqueue one call on the engine's stream."""
        return self._network(*self._arguments.args, **self._arguments.kwargs)

    def held_inputs(self) -> tuple[np.ndarray[Any, Any], ...]:
        """Return copies of the inputs on the GPU, which a call may have changed."""
        return tuple(to_array(tensor.cpu()) for tensor in self._arguments.tensors)

    def settings(self) -> dict[str, Any]:
        """Return the settings that differ from the engine's defaults."""
        return {**NativeEngine.settings(self), "allow_tf32": False}


class CudaGraphsEngine(NativeCudaEngine):
    """PyTorch eager captured once as a CUDA graph and replayed, so that Python does not launch single kernels."""

    def load(self, source: Source, artifact: Path) -> None:
        """Build the module and capture the graph, which from then on reads the memory of its inputs."""
        super().load(source, artifact)
        self._arguments = self._arguments.map(lambda _, tensor: tensor.cuda())
        try:
            self._capture()
        except RuntimeError as error:
            raise MeasurementError(f"it cannot be captured as a CUDA graph: {one_line(error)}") from error

    def set_inputs(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
        """Copy arrays to where the captured graph reads."""
        for place, array in zip(self._arguments.tensors, inputs, strict=True):
            place.copy_(from_array(array, place))
        self._torch.cuda.synchronize()

    def _capture(self) -> None:
        with self._torch.inference_mode(), self._torch.cuda.stream(self._stream):
            for _ in range(_CAPTURE_WARM_UP):
                NativeCudaEngine.launch(self)
        self._torch.cuda.synchronize()
        self._graph = self._torch.cuda.CUDAGraph()
        with self._torch.inference_mode(), self._torch.cuda.graph(self._graph, stream=self._stream):
            self._result = NativeCudaEngine.launch(self)

    def launch(self) -> Any:
        """Enqueue one call on the engine's stream."""
        self._graph.replay()
        return self._result


class InductorCudaEngine(CudaCalls, InductorEngine):
    """AOTInductor for the GPU."""

    @classmethod
    def artifact_name(cls, threads: int) -> str:
        """Return a name that includes the kind of GPU, which the code is made for."""
        del threads
        return f"inductor-cuda-{gpu_key()}.pt2"

    def why_unavailable(self) -> str | None:
        """Return why this machine cannot run the engine, or None; the code for the host needs a C++ compiler too."""
        return why_no_cuda() or why_no_compiler()

    def profiler(self, program: Any) -> Profiler:
        """Refuse.

        Raises:
            MeasurementError: always.
        """
        raise MeasurementError("what a GPU's kernels take is not recorded")

    @classmethod
    def prepare(cls, network: Network, artifact: Path) -> None:
        """Export again on the GPU, and compile.

        Raises:
            Unsupported: the model is a file that has no PyTorch form.
        """
        import torch

        require_module(network, "Inductor compiles PyTorch")
        use_true_float32()
        module, inputs = for_a_trial(network)
        inputs = inputs.map(lambda _, tensor: tensor.cuda())
        try:
            compile_package(torch.export.export(module.cuda(), inputs.args, inputs.kwargs), artifact)
        finally:
            module.cpu()  # it is the network's own where it cannot be copied

    def load(self, source: Source, artifact: Path) -> None:
        """Load the package and call it once, which loads its kernels."""
        self.use_device()
        self._arguments = source.inputs(0).map(lambda _, tensor: tensor.cuda())
        self._model = load_package(artifact, self._first_call)

    def _first_call(self, model: Any) -> None:
        self._model = model
        self.call()

    def set_inputs(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
        """Copy the arrays that the next calls read to the GPU."""
        InductorEngine.set_inputs(self, inputs)
        self._arguments = self._arguments.map(lambda _, tensor: tensor.cuda())

    def held_inputs(self) -> tuple[np.ndarray[Any, Any], ...]:
        """Return copies of the inputs on the GPU, which a call may have changed."""
        return tuple(to_array(tensor.cpu()) for tensor in self._arguments.tensors)

    def launch(self) -> Any:
        """Enqueue one call on the engine's stream."""
        return self._model(*self._arguments.args, **self._arguments.kwargs)

    def settings(self) -> dict[str, Any]:
        """Return the settings that differ from the engine's defaults."""
        return {**InductorEngine.settings(self), "allow_tf32": False}
