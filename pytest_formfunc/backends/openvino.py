"""OpenVINO on the CPU, one request at a time, with the precision said rather than chosen for us."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_formfunc.backends.base import Engine

if TYPE_CHECKING:
    from pytest_formfunc.forms.built import Network
    from pytest_formfunc.forms.sources import Source


class OpenVinoEngine(Engine):
    """OpenVINO with the latency hint and float32 (it would pick bfloat16 by itself where the CPU has it)."""

    artifact = "model.xml"
    hint = "f32"

    def why_unavailable(self) -> str | None:
        """See `Engine.why_unavailable`."""
        import openvino

        if "CPU" not in openvino.Core().available_devices:
            return "OpenVINO finds no CPU device here"
        return None

    @classmethod
    def prepare(cls, network: Network, artifact: Path) -> None:
        """Convert the exported program without compression (``torch.jit.trace`` is deprecated), or read the file.

        Raises:
            Unsupported: the file holds an operator that OpenVINO has not, or does not take the inputs.
        """
        import openvino

        from pytest_formfunc.backends.openvino_files import read_for

        if network.file is not None:
            openvino.save_model(read_for(network.file, network.inputs), artifact, compress_to_fp16=False)
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations between the two libraries, none of the user's
            model = openvino.convert_model(network.program)
            # The converter leaves every dimension open; a deployment that knows its shape says so, and runs faster.
            shapes = [list(tensor.shape) for tensor in network.inputs.tensors]
            model.reshape(dict(zip(model.inputs, shapes, strict=True)))
            openvino.save_model(model, artifact, compress_to_fp16=False)

    def load(self, source: Source, artifact: Path) -> None:
        """Read the IR and compile it for one stream of ``threads`` threads."""
        import openvino

        del source
        self._openvino = openvino
        self._core = openvino.Core()
        self._compiled = self._core.compile_model(
            artifact,
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": self.hint,
                "INFERENCE_NUM_THREADS": self.threads,
            },
        )
        self._request = self._compiled.create_infer_request()

    def set_inputs(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
        """See `Engine.set_inputs`. The tensors share the arrays' memory: a call copies nothing in."""
        self._arrays = inputs
        for index, array in enumerate(inputs):
            self._request.set_input_tensor(index, self._tensor(index, array))

    def _tensor(self, index: int, array: np.ndarray[Any, Any]) -> Any:
        """Return an array as a tensor that shares its memory; bfloat16 comes as its bits, for numpy has none."""
        wanted = self._compiled.inputs[index].get_element_type()
        if wanted == self._openvino.Type.bf16 and array.dtype == np.int16:
            return self._openvino.Tensor(array, array.shape, wanted)
        return self._openvino.Tensor(array, shared_memory=True)

    def call(self) -> Any:
        """See `Engine.call`. `infer` would also build a dictionary of the outputs, for 10 µs more."""
        self._request.start_async()
        self._request.wait()

    def outputs(self) -> list[np.ndarray[Any, Any]]:
        """See `Engine.outputs`."""
        self.call()
        return [np.array(self._request.get_output_tensor(index).data) for index in range(len(self._compiled.outputs))]

    def graph(self) -> dict[str, Any] | None:
        """Return the executed kernels, from OpenVINO's runtime model; it times nothing."""
        kernels: Counter[str] = Counter()
        precisions: Counter[str] = Counter()
        layers: dict[str, str] = {}
        reorders = fused = 0
        digest = hashlib.sha256()
        for node in self._compiled.get_runtime_model().get_ordered_ops():
            info = node.get_rt_info()
            layer, kernel, precision, layouts, names = (
                str(info[key].astype(str)) if key in info else ""
                for key in ("layerType", "primitiveType", "runtimePrecision", "outputLayouts", "originalLayersNames")
            )
            if layer in ("Input", "Output", "Const", "Parameter", "Result"):
                continue
            kernels[kernel or layer] += 1
            precisions[precision] += 1
            reorders += layer == "Reorder"
            # "relu_1/aten.relu.default/Relu" is a node of the exported program; without a slash it is OpenVINO's own.
            layers |= {name.partition("/")[0] or name: kernel or layer for name in names.split(",") if "/" in name}
            fused += max(0, len([name for name in names.split(",") if name]) - 1)
            digest.update(f"{layer}|{kernel}|{precision}|{layouts}|{node.get_output_partial_shape(0)}".encode())
        return {
            "hash": digest.hexdigest()[:16],
            "kernels": dict(sorted(kernels.items())),
            "precisions": dict(sorted(precisions.items())),
            "reorders": reorders,
            "fused": fused,
            "layers": layers,
        }

    @property
    def precision(self) -> str:
        """Return what the compiled model says of itself."""
        element = self._compiled.get_property("INFERENCE_PRECISION_HINT")
        return {"float32": "f32", "f32": "f32", "bfloat16": "bf16", "bf16": "bf16"}.get(
            element.get_type_name() if hasattr(element, "get_type_name") else str(element), str(element)
        )


class OpenVinoBf16Engine(OpenVinoEngine):
    """OpenVINO in bfloat16, only where the CPU computes in it."""

    hint = "bf16"

    def why_unavailable(self) -> str | None:
        """See `Engine.why_unavailable`."""
        import openvino

        if (reason := super().why_unavailable()) is not None:
            return reason
        if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            return "this CPU does not compute in bfloat16 (needs AVX-512 BF16 or AMX)"
        return None
