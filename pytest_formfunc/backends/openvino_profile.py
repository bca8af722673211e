"""Times of OpenVINO's nodes, by its performance counters."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from pytest_formfunc.backends.profiling import Profiler
from pytest_formfunc.function.layers import Step
from pytest_formfunc.function.program_operators import origins_of

_NOT_EXECUTED = ("Input", "Output", "Const", "Parameter", "Result")
_NOT_RUN = "not_executed"
_PRODUCTS = ("Convolution", "Deconvolution", "FullyConnected", "MatMul", "Gemm", "ScaledDotProductAttention")


class OpenVinoProfiler(Profiler):
    """A request of a model that was compiled with performance counters."""

    source = "OpenVINO's performance counters, compiled with PERF_COUNT"
    resolution_s = 1e-6  # a call's time is cut to microseconds, and so is their mean

    def __init__(self, compiled: Any, request: Any, call: Callable[[], Any], program: Any) -> None:
        """Take a request whose inputs are set.

        Args:
            compiled: the model.
            request: of the model.
            call: runs it.
            program: the ``torch.export.ExportedProgram`` that it was converted from; None for a file.
        """
        self._compiled, self._request, self._call = compiled, request, call
        self._program = program

    def call(self) -> Any:
        """Run the request once."""
        return self._call()

    def steps(self) -> list[Step]:
        """Return the nodes of the model as it is executed, constants and what moves nothing left out."""
        origins = _origins(self._program)
        found: list[Step] = []
        readers: dict[str, str] = {}
        nodes = self._compiled.get_runtime_model().get_ordered_ops()
        for node in nodes:
            for port in node.inputs():
                readers.setdefault(port.get_source_output().get_node().get_friendly_name(), node.get_friendly_name())
        for node in nodes:
            info = node.get_rt_info()
            layer, kernel, precision, layouts, named = (
                str(info[key].astype(str)) if key in info else ""
                for key in ("layerType", "primitiveType", "runtimePrecision", "outputLayouts", "originalLayersNames")
            )
            if layer in _NOT_EXECUTED:
                continue
            name = node.get_friendly_name()
            fused = (one.partition("/")[0] for one in named.split(",") if "/" in one)
            operators = tuple(dict.fromkeys(origins.get(one, one) for one in fused))
            not_run = "execTimeMcs" in info and str(info["execTimeMcs"].astype(str)) == _NOT_RUN
            if not operators and not_run and not _has_kernel(kernel):
                continue
            found.append(
                Step(
                    name, f"{layer} {kernel}", operators, layer in _PRODUCTS, precision, layouts.partition(",")[0],
                    "" if operators else readers.get(name, ""),
                )
            )  # fmt: skip
        return found

    def times_s(self) -> Mapping[str, float]:
        """Return the means of all calls since the request was made, as OpenVINO cuts them."""
        return {
            one.node_name: one.real_time.total_seconds()
            for one in self._request.get_profiling_info()
            if one.status.name == "EXECUTED" or _has_kernel(one.exec_type)
        }


def _has_kernel(chosen: str) -> bool:
    """Return whether a node computes or copies, by the kernel that OpenVINO chose for it.

    Of one that takes less than a microsecond, its unit, OpenVINO says that it was not executed, so that a node would
    run in one launch and not in the next. One that was fused has ``undef``; one that works in place, ``unknown``.
    """
    return not chosen.startswith(("undef", "unknown"))


def _origins(program: Any) -> dict[str, str]:
    """Return the exported operators that the nodes are from which OpenVINO's converter decomposes a program into.

    It is decomposed again here, as the converter does.
    """
    if program is None:
        return {}
    from torch.export.decomp_utils import CustomDecompTable

    table: Any = CustomDecompTable()  # type: ignore[no-untyped-call]
    with contextlib.suppress(ImportError):  # where another version of OpenVINO keeps what it does not decompose
        from openvino.frontend.pytorch.torchdynamo.export_decompositions import ops_to_not_decompose

        for kept in ops_to_not_decompose():
            table.pop(kept, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return origins_of(program.run_decompositions(table))
