"""ONNX Runtime on an NVIDIA GPU; docs/engines.md says what is untested."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_formfunc.backends.cuda import CudaCalls, why_no_cuda
from pytest_formfunc.backends.onnxruntime import OnnxRuntimeEngine
from pytest_formfunc.errors import MeasurementError, Unsupported

if TYPE_CHECKING:
    from pytest_formfunc.forms.sources import Source


_RECORD_WHERE = "session.record_ep_graph_assignment_info"
# ONNX Runtime gives operators on shapes to the CPU on purpose: their values are needed there.
_OF_SHAPES = {
    "Add", "Cast", "Concat", "ConstantOfShape", "Div", "Equal", "Gather", "Mul", "Range", "Reshape", "Shape", "Size",
    "Slice", "Squeeze", "Sub", "Unsqueeze", "Where",
}  # fmt: skip


class OnnxRuntimeCudaEngine(CudaCalls, OnnxRuntimeEngine):
    """The CUDA provider in float32, on a stream that torch's events can time; values bound on the device."""

    provider: ClassVar[str] = "CUDAExecutionProvider"
    where: ClassVar[str] = "cuda"
    provider_options: ClassVar[dict[str, str]] = {"use_tf32": "0"}

    def why_unavailable(self) -> str | None:
        """Return why this machine cannot run the engine, or None; timing needs a CUDA build of torch for its events."""
        return why_no_cuda() or OnnxRuntimeEngine.why_unavailable(self)

    def load(self, source: Source, artifact: Path) -> None:
        """Open a session on the model.

        Raises:
            MeasurementError: the provider could not be loaded; the session would run on the CPU without a word.
            Unsupported: the provider leaves more than the handling of shapes to the CPU.
        """
        self.use_device()
        OnnxRuntimeEngine.load(self, source, artifact)
        self._session.disable_fallback()
        if self.provider not in (there := self._session.get_providers()):
            raise MeasurementError(f"ONNX Runtime could not load its {self.provider} and fell back to {there[0]}")
        self._elsewhere = nodes_elsewhere(self._session, self.provider)
        if left := (self._elsewhere or Counter()).keys() - _OF_SHAPES:
            raise Unsupported(f"ONNX Runtime computes {', '.join(sorted(left))} of it on the CPU")
        # A call would wait for the device before it returns, so that the event after it came late.
        self._run_options = self._onnxruntime.RunOptions()
        self._run_options.add_run_config_entry("disable_synchronize_execution_providers", "1")

    def _providers(self) -> list[Any]:
        stream = str(self._stream.cuda_stream)
        return [(self.provider, {**self.provider_options, "user_compute_stream": stream}), "CPUExecutionProvider"]

    def _options(self, threads: int) -> Any:
        options = OnnxRuntimeEngine._options(self, threads)
        options.add_session_config_entry(_RECORD_WHERE, "1")
        return options

    def launch(self) -> Any:
        """Enqueue one call on the engine's stream."""
        self._session.run_with_iobinding(self._binding, self._run_options)

    def settings(self) -> dict[str, Any]:
        """Return the settings that differ from the engine's defaults."""
        chosen = {"use_tf32": "0", "disable_synchronize_execution_providers": "1"}
        nodes: dict[str, Any] = {}
        if self._elsewhere is None:
            nodes = {"nodes on the CPU": "not known: this release of ONNX Runtime does not tell"}
        elif self._elsewhere:
            nodes = {"nodes on the CPU": dict(sorted(self._elsewhere.items()))}
        return {**OnnxRuntimeEngine.settings(self), **chosen, **nodes}


def nodes_elsewhere(session: Any, provider: str) -> Counter[str] | None:
    """Return how many nodes of a session other providers compute, by operator; None where this release cannot tell.

    The session was made with `_RECORD_WHERE`.
    """
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return None
    parts = [part for part in session.get_provider_graph_assignment_info() if part.ep_name != provider]
    return Counter(node.op_type for part in parts for node in part.get_nodes())
