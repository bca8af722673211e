"""ONNX Runtime on the CPU: runs the exported program as an ONNX model, with inputs bound once."""

from __future__ import annotations

import re
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pytest_formfunc.backends.base import Engine
from pytest_formfunc.errors import (
    MOST_LETTERS,
    MeasurementError,
    Unsupported,
    is_out_of_memory,
    shorten,
    too_little_memory,
)

if TYPE_CHECKING:
    from pytest_formfunc.backends.profiling import Profiler
    from pytest_formfunc.backends.reproduction import Reproduction
    from pytest_formfunc.forms.built import Network
    from pytest_formfunc.forms.sources import Source

_PRECISIONS = {"tensor(float)": "f32", "tensor(float16)": "f16", "tensor(bfloat16)": "bf16", "tensor(double)": "f64"}
_CODES = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : |Load model from \S+ failed: ?|This is an invalid model. ")
_ENTRIES = {"session.intra_op.allow_spinning": "0"}
_ERRORS_ONLY = 3  # ONNX Runtime's severity


class OnnxRuntimeEngine(Engine):
    """The CPU provider, one call at a time, all graph optimisations, threads that sleep between calls.

    By default ONNX Runtime's threads spin after a call for longer than a turn lasts, on cores that the next backend
    needs, so spinning is switched off.
    """

    artifact = "model.onnx"
    provider: ClassVar[str] = "CPUExecutionProvider"
    where: ClassVar[str] = "cpu"
    provider_options: ClassVar[dict[str, str]] = {}

    def why_unavailable(self) -> str | None:
        """Return why this machine cannot run the engine, or None where it can."""
        import onnxruntime

        if self.provider not in onnxruntime.get_available_providers():
            there = ", ".join(onnxruntime.get_available_providers())
            return f"this build of ONNX Runtime has no {self.provider} (it has {there})"
        return None

    @classmethod
    def prepare(cls, network: Network, artifact: Path) -> None:
        """Export the program, or copy the model if it is an ONNX file.

        Raises:
            Unsupported: the model is a file of another format.
        """
        if network.module is None:
            if network.file is None or network.file.suffix != ".onnx":
                raise Unsupported("it is a file that is not ONNX, and ONNX Runtime reads no other")
            _copy(network.file, artifact)
            return
        import torch

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside the exporter, none of the user's
            if isinstance(network.module, torch.jit.ScriptModule):  # only the older exporter takes it
                inputs = network.inputs
                torch.onnx.export(network.module, inputs.args, str(artifact), kwargs=inputs.kwargs, dynamo=False)
                return
            program = torch.onnx.export(network.program, dynamo=True, verbose=False)
        assert program is not None
        program.save(artifact, external_data=True)

    def load(self, source: Source, artifact: Path) -> None:
        """Open a session on the model.

        Raises:
            Unsupported: ONNX Runtime lacks a kernel for it, or finds it invalid.
        """
        import onnxruntime

        onnxruntime.set_default_logger_severity(_ERRORS_ONLY)
        self._onnxruntime = onnxruntime
        self._source, self._artifact = source, artifact
        try:
            self._session = onnxruntime.InferenceSession(
                artifact, self._options(self.threads), providers=self._providers(), enable_fallback=0
            )
        except Exception as error:
            if is_out_of_memory(error):
                raise MeasurementError(too_little_memory(_reason(error))) from error
            raise Unsupported(f"ONNX Runtime does not run its ONNX form: {_reason(error)}") from error
        self._binding = self._session.io_binding()

    def _options(self, threads: int) -> Any:
        options = self._onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = self._onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = self._onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        for name, value in _ENTRIES.items():
            options.add_session_config_entry(name, value)
        return options

    def _providers(self) -> list[Any]:
        return [self.provider]

    def set_inputs(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
        """Bind the arrays that the next calls read; on the CPU a call copies nothing, since values share their memory.

        Raises:
            MeasurementError: the model has a different number of inputs.
        """
        wanted = self._session.get_inputs()
        if len(wanted) != len(inputs):
            raise MeasurementError(f"the ONNX model has {len(wanted)} inputs and the example {len(inputs)}")
        self._arrays = inputs
        self._binding.clear_binding_inputs()
        self._binding.clear_binding_outputs()
        for port, array in zip(wanted, inputs, strict=True):
            value = self._onnxruntime.OrtValue.ortvalue_from_numpy(array, self.where, 0)
            self._binding.bind_ortvalue_input(port.name, value)
        for port in self._session.get_outputs():
            self._binding.bind_output(port.name, self.where)

    def call(self) -> Any:
        """Run the model once and wait for its outputs."""
        self._session.run_with_iobinding(self._binding)

    def outputs(self) -> list[np.ndarray[Any, Any]]:
        """Run the model once and return its outputs, flattened, as copies."""
        self.call()
        return [np.array(array) for array in self._binding.copy_outputs_to_cpu()]

    def graph(self) -> dict[str, Any] | None:
        """Return the kernels of the optimised model, which a second session writes to a file for this."""
        from pytest_formfunc.backends.onnx_graph import describe_graph

        with tempfile.TemporaryDirectory(prefix="formfunc-onnx-") as folder:
            optimised = Path(folder) / "optimised.onnx"
            options = self._options(1)
            options.optimized_model_filepath = str(optimised)
            # Weights go to a file beside the model, which is not read.
            options.add_session_config_entry(
                "session.optimized_model_external_initializers_file_name", "optimised.onnx.data"
            )
            self._onnxruntime.InferenceSession(self._artifact, options, providers=self._providers())
            return describe_graph(self._artifact, optimised)

    def profiler(self, program: Any) -> Profiler:
        """Return a session that writes its profile."""
        from pytest_formfunc.backends.onnxruntime_profile import OnnxRuntimeProfiler

        return OnnxRuntimeProfiler(self, self._source, self._artifact, self._arrays, program)

    def end_profile(self) -> str:
        """End the profile, and return the path of its file."""
        return str(self._session.end_profiling())

    def reproduction(self) -> Reproduction:
        """Return how its ONNX model is handed to somebody who has ONNX Runtime alone."""
        from pytest_formfunc.backends import onnxruntime_reproduction as parts
        from pytest_formfunc.backends.reproduction import Reproduction

        settings = {
            "provider": self.provider, "provider_options": self.provider_options, "device": self.where,
            "threads": self.threads, "entries": _ENTRIES,
        }  # fmt: skip
        return Reproduction(
            "onnxruntime", "ONNX Runtime", parts.MODEL, parts.write_onnx, parts.types_of_onnx, parts.open_onnxruntime,
            settings,
        )  # fmt: skip

    def settings(self) -> dict[str, Any]:
        """Return the settings that differ from the engine's defaults."""
        return {
            "execution_mode": "sequential",
            "graph_optimization_level": "all",
            **_ENTRIES,
        }

    @property
    def precision(self) -> str:
        """Return the precision of the model's first output."""
        return _PRECISIONS.get(self._session.get_outputs()[0].type, "f32")


def _reason(error: Exception) -> str:
    """Return the telling part of ONNX Runtime's message, which begins with codes and the file's path."""
    return shorten(_CODES.sub("", str(error)), MOST_LETTERS)


def _copy(model: Path, artifact: Path) -> None:
    """Copy an ONNX file; weights that it keeps in other files are gathered in one file beside the copy."""
    import onnx
    from onnx.external_data_helper import uses_external_data

    bare = onnx.load(model, load_external_data=False)
    if not any(uses_external_data(tensor) for tensor in bare.graph.initializer):
        shutil.copyfile(model, artifact)
        return
    onnx.save_model(
        onnx.load(model), artifact, save_as_external_data=True, all_tensors_to_one_file=True,
        location=f"{artifact.name}.data",
    )  # fmt: skip
