"""PyTorch's operators without Python between them: what dispatching from Python takes is the difference to eager."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_formfunc.backends.native import NativeEngine
from pytest_formfunc.backends.native_variants import ChannelsLast
from pytest_formfunc.errors import MeasurementError, Unsupported

if TYPE_CHECKING:
    from pytest_formfunc.backends.profiling import Profiler
    from pytest_formfunc.forms.built import Network
    from pytest_formfunc.forms.sources import Source


class NativeScriptEngine(NativeEngine):
    """A trace, run by TorchScript's interpreter as it was recorded: neither frozen, nor optimised, nor fused."""

    artifact = "trace.pt"

    @classmethod
    def prepare(cls, network: Network, artifact: Path) -> None:
        """Trace the module on its example, and save the trace with its weights.

        Raises:
            Unsupported: the model has no module, takes named arguments, or is not what its trace computes.
        """
        import torch

        if network.module is None:
            raise Unsupported("it is a file with no PyTorch form, and only a module is traced")
        if network.inputs.kwargs:
            raise Unsupported("a trace takes positional arguments only")
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # that torch.jit is deprecated, and what a trace may not generalise to
            jit: Any = torch.jit  # whose functions have no types
            traced = jit.trace(network.module, network.inputs.args, check_trace=False, strict=False)
            jit.save(traced, artifact)

    def load(self, source: Source, artifact: Path) -> None:
        """Load the trace."""
        import torch

        torch.set_num_threads(self.threads)
        torch._C._jit_set_profiling_executor(False)
        torch._C._jit_set_profiling_mode(False)
        torch._C._jit_set_texpr_fuser_enabled(False)
        self._torch = torch
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            jit: Any = torch.jit
            self._network = jit.load(artifact, map_location="cpu").eval()
        self._arguments = source.inputs(0)

    def call(self) -> Any:
        """Run the trace once."""
        with self._torch.inference_mode(), self._torch.jit.optimized_execution(False):
            return self._network(*self._arguments.args)

    def _kind(self) -> dict[str, Any]:
        return {"operators called by": "TorchScript's interpreter"}

    def profiler(self, program: Any) -> Profiler:
        """Refuse.

        Raises:
            MeasurementError: always.
        """
        raise MeasurementError("its operators are those of native, called without Python")


class NativeScriptNhwcEngine(ChannelsLast, NativeScriptEngine):
    """The same trace, with weights and 4-D inputs in ``channels_last``."""
