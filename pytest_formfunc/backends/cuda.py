"""NVIDIA GPUs through PyTorch: eager, CUDA graphs, Inductor; docs/engines.md says what is untested.

Inputs and outputs stay on the device. A latency is by the host's clock, from the call until the outputs are there, as
on a processor; CUDA events around a call tell beside it how long the device took.
"""

from __future__ import annotations

import importlib.metadata
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_formfunc import cards, cards_files
from pytest_formfunc.backends.arrays import from_array, to_array
from pytest_formfunc.backends.base import RAMP_S, Engine, require_module
from pytest_formfunc.backends.cuda_toolkit import name_toolkit, why_no_toolkit
from pytest_formfunc.backends.inductor import (
    InductorEngine,
    compile_package,
    find_compiler,
    load_package,
    why_no_compiler,
)
from pytest_formfunc.backends.native import NativeEngine
from pytest_formfunc.backends.trial import for_a_trial
from pytest_formfunc.errors import MeasurementError, one_line

if TYPE_CHECKING:
    from pytest_formfunc.backends.profiling import Profiler
    from pytest_formfunc.forms.built import Network
    from pytest_formfunc.forms.sources import Source

_CAPTURE_WARM_UP = 3  # calls, so that libraries have allocated memory and chosen kernels before the capture


def why_no_cuda() -> str | None:
    """Return a clause that says whether torch lacks CUDA or the machine a GPU; None where both are there."""
    import torch

    if torch.version.cuda is None:
        return f"this torch ({torch.__version__}) is built without CUDA"
    if (reason := cards.why_unusable(torch.version.cuda)) is not None:
        return reason
    if not torch.cuda.is_available():
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        by = "" if hidden is None else f" (CUDA_VISIBLE_DEVICES is {hidden!r})"
        return f"no NVIDIA GPU is visible to torch here{by}"
    return None


def set_tf32(on: bool) -> None:
    """Switch TF32 on or off, which a user's module may have set, and which cuDNN has on by default.

    Both of PyTorch's ways to say it are used: a setting by the newer one survives the older one, and code that asks by
    the older one raises an error where the two differ.
    """
    import torch

    torch.set_float32_matmul_precision("high" if on else "highest")
    torch.backends.cuda.matmul.allow_tf32 = on
    torch.backends.cudnn.allow_tf32 = on
    if hasattr(torch.backends, "fp32_precision"):  # since torch 2.9
        cudnn: Any = torch.backends.cudnn
        for place in (torch.backends.cuda.matmul, cudnn.conv, cudnn.rnn):
            place.fp32_precision = "tf32" if on else "ieee"


def describe_card() -> dict[str, Any]:
    """Return what must be equal before figures of two runs on a card are compared: NVML's facts and those of torch.

    Torch alone knows the multiprocessors and the size of the second-level cache, which CUDA tells it.
    """
    import torch

    facts: Any = torch.cuda.get_device_properties(0)
    told = {
        "name": facts.name,
        "memory_bytes": facts.total_memory,
        "capability": f"{facts.major}.{facts.minor}",
        "multiprocessors": facts.multi_processor_count,
        "l2_bytes": getattr(facts, "L2_cache_size", 0),
        "cards": torch.cuda.device_count(),
        "torch_cuda": torch.version.cuda,
    }
    known = cards.describe()
    return (known or {"driver": cards_files.driver()}) | told


def card_key() -> str:
    """Return what artifacts made for one kind of card, driver, CUDA and torch have in their name."""
    known = cards.identity()
    return cards.key_of({**known, "torch": importlib.metadata.version("torch")} if known else {})


class CudaCalls(Engine):
    """Mixin for an engine whose calls run on a CUDA stream of the first visible card.

    A latency is by the host's clock, with the waits for launching and for the end of the last kernel.
    """

    ramp_s = RAMP_S
    tf32 = False

    def why_unavailable(self) -> str | None:
        """Return why this machine cannot run the engine, or None where it can."""
        return why_no_cuda()

    def launch(self) -> Any:
        """Enqueue one call on ``self._stream``, without waiting for it."""
        raise NotImplementedError

    def use_device(self) -> None:
        """Set up the first GPU with its own stream, and with true float32 unless the engine is for TF32."""
        import torch

        set_tf32(self.tf32)
        self._torch = torch
        torch.cuda.init()  # type: ignore[no-untyped-call]
        self._memory_bytes = 0
        self._free_before = torch.cuda.mem_get_info()[0]
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
        """Call once and return the nanoseconds until its outputs are on the device, by the host's clock."""
        with self._torch.inference_mode(), self._torch.cuda.stream(self._stream):
            started = time.perf_counter_ns()
            self.launch()
            self._stream.synchronize()
            return time.perf_counter_ns() - started

    def time_on_device(self) -> int:
        """Call once and return the nanoseconds between events before and after it.

        Time in which the GPU waits for the CPU to launch a kernel is included.
        """
        with self._torch.inference_mode(), self._torch.cuda.stream(self._stream):
            self._began.record(self._stream)
            self.launch()
            self._ended.record(self._stream)
        self._ended.synchronize()
        return int(self._began.elapsed_time(self._ended) * 1e6)

    def time_many(self, calls: int) -> int:
        """Call so often without waiting in between, and return the nanoseconds of all by the host's clock."""
        with self._torch.inference_mode(), self._torch.cuda.stream(self._stream):
            started = time.perf_counter_ns()
            for _ in range(calls):
                self.launch()
            self._stream.synchronize()
            return time.perf_counter_ns() - started

    def on_device(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> dict[str, float]:
        """Return what `pytest_formfunc.backends.cuda_figures` tells of its calls."""
        from pytest_formfunc.backends.cuda_figures import device_figures

        return {"memory_bytes": float(self._memory_bytes), **device_figures(self, inputs)}

    def profiler(self, program: Any) -> Profiler:
        """Refuse.

        Raises:
            MeasurementError: always.
        """
        raise MeasurementError("what a GPU's kernels take is not recorded")

    def card(self) -> dict[str, Any]:
        """Return the card's identity.

        Other participants load one after the other, so what is taken of the card's memory until now is this one's.
        """
        self._memory_bytes = max(0, self._free_before - self._torch.cuda.mem_get_info()[0])
        return describe_card()

    def watch(self) -> Callable[[], cards.State | None]:
        """Return what reads the card's clock, power and why it is slowed down."""
        return cards.watch()

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
        return {**NativeEngine.settings(self), "allow_tf32": self.tf32}


class NativeCudaTf32Engine(NativeCudaEngine):
    """PyTorch eager on the GPU; products and convolutions of float32 round their factors to TF32's ten bits."""

    tf32 = True

    @property
    def precision(self) -> str:
        """Return the precision of its products."""
        return "tf32"


class NativeCudaBf16Engine(NativeCudaEngine):
    """PyTorch eager on the GPU with weights, buffers and inputs in bfloat16; whole numbers stay what they are."""

    def load(self, source: Source, artifact: Path) -> None:
        """Build the module, and move it to the GPU as bfloat16."""
        super().load(source, artifact)
        self._network = self._network.to(self._torch.bfloat16)
        self._full = self._arguments  # the inputs as they were given, whose copies in bfloat16 the calls read

    def set_inputs(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
        """Copy the arrays that the next calls read to the GPU, where they become bfloat16."""
        self._arguments = self._full
        super().set_inputs(inputs)
        self._full, self._arguments = self._arguments, self._arguments.map(lambda _, tensor: self._rounded(tensor))
        self._torch.cuda.synchronize()  # calls run on another stream than this conversion

    def _rounded(self, tensor: Any) -> Any:
        return tensor.to(self._torch.bfloat16) if tensor.is_floating_point() else tensor

    def held_inputs(self) -> tuple[np.ndarray[Any, Any], ...]:
        """Return copies of the inputs on the GPU as they were given; of one that a call has changed, what it is now."""
        pairs = zip(self._full.tensors, self._arguments.tensors, strict=True)
        kept = [full if self._rounded(full).equal(now) else now.float() for full, now in pairs]
        return tuple(to_array(tensor.cpu()) for tensor in kept)

    @property
    def precision(self) -> str:
        """Return the precision of its weights."""
        return "bf16"


class CudaGraphsEngine(NativeCudaEngine):
    """PyTorch eager captured once as a CUDA graph and replayed, so that Python does not launch single kernels."""

    def load(self, source: Source, artifact: Path) -> None:
        """Build the module and capture the graph, which from then on reads the memory of its inputs."""
        super().load(source, artifact)
        self._arguments = self._arguments.map(lambda _, tensor: tensor.cuda())
        try:
            self._capture()
        except self._torch.OutOfMemoryError:
            raise
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
        return f"inductor-cuda-{card_key()}.pt2"

    def why_unavailable(self) -> str | None:
        """Return why this machine cannot run the engine, or None; it needs a C++ compiler and CUDA's headers."""
        return why_no_cuda() or why_no_compiler() or why_no_toolkit(find_compiler() or "c++")

    @classmethod
    def prepare(cls, network: Network, artifact: Path) -> None:
        """Export again on the GPU, and compile.

        Raises:
            Unsupported: the model is a file that has no PyTorch form.
        """
        import torch

        require_module(network, "Inductor compiles PyTorch")
        name_toolkit()
        set_tf32(False)
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
