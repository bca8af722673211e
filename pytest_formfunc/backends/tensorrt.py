"""TensorRT: runs the ONNX model as a plan for this kind of GPU; docs/engines.md says what is untested."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_formfunc.backends.arrays import output_array
from pytest_formfunc.backends.base import require_module
from pytest_formfunc.backends.cuda import CudaCalls, card_key, why_no_cuda
from pytest_formfunc.backends.onnxruntime import OnnxRuntimeEngine
from pytest_formfunc.backends.trial import for_a_trial
from pytest_formfunc.errors import MeasurementError, Unsupported, too_little_memory

if TYPE_CHECKING:
    from pytest_formfunc.forms.built import Network
    from pytest_formfunc.forms.sources import Source


class TensorRtEngine(CudaCalls):
    """A float32 plan (without TF32) in one execution context; inputs and outputs are torch tensors."""

    artifact = "tensorrt.plan"

    @classmethod
    def artifact_name(cls, threads: int) -> str:
        """Return a name that includes the kind of GPU, which a plan is made for."""
        del threads
        return f"tensorrt-{card_key()}.plan"

    def why_unavailable(self) -> str | None:
        """Return why this machine cannot run the engine, or None; tensors and events need a CUDA build of torch."""
        return why_no_cuda()

    @classmethod
    def prepare(cls, network: Network, artifact: Path) -> None:
        """Export the network to ONNX and build a plan of it.

        The network is strongly typed: a layer has the precision of the ONNX model. TensorRT 11 has no other way.
        Builds share the times that TensorRT took of its tactics, or two plans of one network may differ.

        Raises:
            Unsupported: TensorRT cannot read the ONNX model (its first error is quoted), or cannot build a plan of it.
        """
        import tensorrt

        logger = tensorrt.Logger(tensorrt.Logger.ERROR)
        builder = tensorrt.Builder(logger)
        flag = getattr(tensorrt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
        definition = builder.create_network(0 if flag is None else 1 << int(flag))
        parser = tensorrt.OnnxParser(definition, logger)
        timing = artifact.parents[2] / f"tensorrt-{tensorrt.__version__}-{card_key()}.timing"
        with tempfile.TemporaryDirectory(prefix="formfunc-tensorrt-") as folder:
            model = Path(folder) / "model.onnx"
            cls.export(network, model)
            if not parser.parse_from_file(str(model)):
                raise Unsupported(f"TensorRT cannot read its ONNX model: {parser.get_error(0).desc()}")
            config = builder.create_builder_config()
            config.clear_flag(tensorrt.BuilderFlag.TF32)
            earlier = timing.read_bytes() if timing.exists() else b""
            cache = config.create_timing_cache(earlier) or config.create_timing_cache(b"")
            shares = cache is not None and config.set_timing_cache(cache, ignore_mismatch=False)
            plan = builder.build_serialized_network(definition, config)
        if plan is None:
            raise Unsupported("TensorRT built no plan for its ONNX model")
        artifact.write_bytes(bytes(plan))
        if shares and (cache := config.get_timing_cache()) is not None:
            made = artifact.with_suffix(".timing")
            made.write_bytes(bytes(cache.serialize()))
            made.replace(timing)

    @classmethod
    def export(cls, network: Network, model: Path) -> None:
        """Write the ONNX model, in float32."""
        OnnxRuntimeEngine.prepare(network, model)

    def load(self, source: Source, artifact: Path) -> None:
        """Read the plan and make its execution context.

        Raises:
            MeasurementError: the plan is not for this TensorRT or this GPU.
        """
        import tensorrt

        del source
        self.use_device()
        self._runtime = tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.ERROR))
        self._engine = self._runtime.deserialize_cuda_engine(artifact.read_bytes())
        if self._engine is None:
            raise MeasurementError(
                "TensorRT cannot load its plan: it was built by another version or for another GPU, or the card has no "
                "memory left"
            )
        self._context = self._engine.create_execution_context()
        if self._context is None:  # its log has the reason, which is memory wherever the plan itself was read
            raise MeasurementError(too_little_memory("TensorRT made no execution context"))
        names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
        is_input = [self._engine.get_tensor_mode(name) == tensorrt.TensorIOMode.INPUT for name in names]
        self._input_names = [name for name, first in zip(names, is_input, strict=True) if first]
        self._outputs = {}
        for name in (name for name, first in zip(names, is_input, strict=True) if not first):
            kind = np.dtype(tensorrt.nptype(self._engine.get_tensor_dtype(name)))
            kind_of_torch = self._torch.from_numpy(np.empty(0, kind)).dtype
            shape = tuple(self._engine.get_tensor_shape(name))
            self._outputs[name] = self._torch.empty(shape, dtype=kind_of_torch, device="cuda")
            self._context.set_tensor_address(name, self._outputs[name].data_ptr())

    def set_inputs(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
        """Copy the arrays that the next calls read to the GPU."""
        self._inputs = [self._taken(self._torch.from_numpy(array).cuda()) for array in inputs]
        for name, tensor in zip(self._input_names, self._inputs, strict=True):
            self._context.set_tensor_address(name, tensor.data_ptr())
        self._torch.cuda.synchronize()  # calls run on another stream than conversions

    def _taken(self, tensor: Any) -> Any:
        """Return an input in the type that the plan takes."""
        return tensor

    def launch(self) -> Any:
        """Enqueue one call on the engine's stream.

        Raises:
            MeasurementError: TensorRT refused; it says so by what it returns, and nothing would have been timed.
        """
        if not self._context.execute_async_v3(self._stream.cuda_stream):
            raise MeasurementError("TensorRT did not enqueue the call (its log has the reason)")

    def outputs(self) -> list[np.ndarray[Any, Any]]:
        """Run the model once and return its outputs, flattened, as copies."""
        self.call()
        return [output_array(tensor) for tensor in self._outputs.values()]

    def settings(self) -> dict[str, Any]:
        """Return the settings that differ from the engine's defaults."""
        return {"allow_tf32": False}

    @property
    def precision(self) -> str:
        """Return the precision that the plan is built for."""
        return "f32"


class TensorRtF16Engine(TensorRtEngine):
    """A plan of the network in float16; inputs become float16 on the card before anything is timed."""

    @classmethod
    def artifact_name(cls, threads: int) -> str:
        """Return a name that includes the kind of GPU, which a plan is made for."""
        return f"f16-{super().artifact_name(threads)}"

    @classmethod
    def export(cls, network: Network, model: Path) -> None:
        """Write the ONNX model of a copy in float16.

        Raises:
            Unsupported: the model is a file that has no PyTorch form.
        """
        import torch

        require_module(network, "TensorRT's float16 plan is made of its module in float16")
        module, inputs = for_a_trial(network)
        halved = inputs.map(lambda _, tensor: tensor.half() if tensor.is_floating_point() else tensor)
        try:
            program = torch.export.export(module.half(), halved.args, halved.kwargs)
            written = torch.onnx.export(program, dynamo=True, verbose=False)
        finally:
            module.float()  # it is the network's own where it cannot be copied
        assert written is not None
        written.save(model, external_data=True)

    def _taken(self, tensor: Any) -> Any:
        return tensor.half() if tensor.is_floating_point() else tensor

    @property
    def precision(self) -> str:
        """Return the precision that the plan is built for."""
        return "f16"
