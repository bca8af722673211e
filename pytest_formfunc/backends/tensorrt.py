"""TensorRT: runs the ONNX model as a plan for this kind of GPU; docs/engines.md says what is untested."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_formfunc.backends.cuda import CudaCalls, gpu_key, why_no_cuda
from pytest_formfunc.backends.onnxruntime import OnnxRuntimeEngine
from pytest_formfunc.errors import MeasurementError, Unsupported

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
        return f"tensorrt-{gpu_key()}.plan"

    def why_unavailable(self) -> str | None:
        """Return why this machine cannot run the engine, or None; tensors and events need a CUDA build of torch."""
        return why_no_cuda()

    @classmethod
    def prepare(cls, network: Network, artifact: Path) -> None:
        """Export the network to ONNX and build a plan of it.

        Raises:
            Unsupported: TensorRT cannot read the ONNX model (its first error is quoted), or cannot build a plan of it.
        """
        import tensorrt

        logger = tensorrt.Logger(tensorrt.Logger.ERROR)
        builder = tensorrt.Builder(logger)
        definition = builder.create_network(0)
        parser = tensorrt.OnnxParser(definition, logger)
        with tempfile.TemporaryDirectory(prefix="formfunc-tensorrt-") as folder:
            model = Path(folder) / "model.onnx"
            OnnxRuntimeEngine.prepare(network, model)
            if not parser.parse_from_file(str(model)):
                raise Unsupported(f"TensorRT cannot read its ONNX model: {parser.get_error(0).desc()}")
            config = builder.create_builder_config()
            config.clear_flag(tensorrt.BuilderFlag.TF32)
            plan = builder.build_serialized_network(definition, config)
        if plan is None:
            raise Unsupported("TensorRT built no plan for its ONNX model")
        artifact.write_bytes(bytes(plan))

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
            raise MeasurementError("TensorRT cannot load its plan: it was built by another version or for another GPU")
        self._context = self._engine.create_execution_context()
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
        self._inputs = [self._torch.from_numpy(array).cuda() for array in inputs]
        for name, tensor in zip(self._input_names, self._inputs, strict=True):
            self._context.set_tensor_address(name, tensor.data_ptr())

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
        return [np.array(tensor.cpu()) for tensor in self._outputs.values()]

    def settings(self) -> dict[str, Any]:
        """Return the settings that differ from the engine's defaults."""
        return {"allow_tf32": False}

    @property
    def precision(self) -> str:
        """Return the precision that the plan is built for."""
        return "f32"
