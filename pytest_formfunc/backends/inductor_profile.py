"""Times of Inductor's kernels: the program compiled once more, to record each kernel and what it comes from."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_formfunc.backends.inductor import compile_package, load_package
from pytest_formfunc.backends.profiling import Profiler
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.function.layers import Step
from pytest_formfunc.stats import median

if TYPE_CHECKING:
    from pytest_formfunc.forms.built import Inputs

_ORIGINS = "inductor_provenance_tracking_node_mappings.json"
_PACKAGE = "inductor-profiled.pt2"
_PRODUCTS = ("convolution", "linear", "addmm", "_mm", "bmm", "attention")


class InductorProfiler(Profiler):
    """The same program, compiled to record each kernel; latency is never taken from it."""

    source = "PyTorch's record of Inductor's kernels"

    def __init__(self, program: Any, arguments: Inputs, folder: Path | None) -> None:
        """Compile and load the program.

        Args:
            program: the ``torch.export.ExportedProgram``; None where there is none.
            arguments: what it is called with.
            folder: where later launches find what the first one has compiled; None to compile each time.

        Raises:
            MeasurementError: there is no program, or this version of torch does not write where kernels come from.
        """
        import torch

        if program is None:
            raise MeasurementError("only an exported program can be compiled to tell its kernels")
        if folder is None:
            self._own = tempfile.TemporaryDirectory(prefix="formfunc-inductor-")
            folder = Path(self._own.name)
        self._folder = folder
        if not (self._folder / _ORIGINS).is_file():
            _compile(program, self._folder)
        if not (self._folder / _ORIGINS).is_file():
            raise MeasurementError(f"torch {torch.__version__} does not tell which operators its kernels come from")
        self._model, self._arguments, self._torch = load_package(self._folder / _PACKAGE), arguments, torch
        self._spent: dict[str, list[float]] = defaultdict(list)
        self._named = self._names()

    def call(self) -> Any:
        """Run the program once, and keep the time of each kernel in the order of execution."""
        # Kineto, the usual profiler, prints lines of its own.
        with self._torch.inference_mode(), self._torch.autograd.profiler.profile(use_kineto=False) as profile:
            result = self._model(*self._arguments.args, **self._arguments.kwargs)
        seen: dict[str, int] = defaultdict(int)
        names = self._named
        for event in sorted(profile.function_events, key=lambda one: one.time_range.start):
            kernel = _kernel_of(event.name)
            if kernel in names:
                place = min(seen[kernel], len(names[kernel]) - 1)
                self._spent[names[kernel][place]].append(event.time_range.elapsed_us() / 1e6)
                seen[kernel] += 1
        return result

    def steps(self) -> list[Step]:
        """Return the kernels, each with the operators of the exported program that it comes from."""
        found = json.loads((self._folder / _ORIGINS).read_text())
        earlier: Mapping[str, list[str]] = found["postToPre"]
        return [
            Step(
                name,
                _kernel_of(name),
                tuple(dict.fromkeys(one for later in found["cppCodeToPost"][name] for one in earlier.get(later, ()))),
                any(part in name for part in _PRODUCTS) and name.startswith("aoti_torch"),
            )
            for name in sorted(found["cppCodeToPost"], key=_number)
        ]

    def times_s(self) -> Mapping[str, float]:
        """Return the median of all calls."""
        return {name: median(times) for name, times in self._spent.items()}

    def _names(self) -> dict[str, list[str]]:
        """Return the names of the kernels of one kind, in the order in which they are called."""
        found: dict[str, list[str]] = defaultdict(list)
        for step in self.steps():
            found[step.kernel].append(step.name)
        return found


def _compile(program: Any, folder: Path) -> None:
    """Compile a program, and leave the package and the origins of its kernels in a folder."""
    more = {"cpp.enable_kernel_profile": True}
    with tempfile.TemporaryDirectory(prefix="formfunc-inductor-") as trace, _tracing(trace):
        compile_package(program, folder / _PACKAGE, more)
        for path in Path(trace).rglob(_ORIGINS):
            (folder / _ORIGINS).write_text(path.read_text())


@contextmanager
def _tracing(folder: str) -> Iterator[None]:
    """Let Inductor write which operators each kernel comes from, which it does with its trace."""
    import logging

    from torch._inductor import config

    logger = logging.getLogger("torch._inductor.debug")
    level = logger.level
    logger.setLevel(logging.ERROR)  # it warns of where it writes
    try:
        with config.patch({"trace.enabled": True, "trace.debug_dir": folder, "trace.provenance_tracking_level": 1}):
            yield
    finally:
        logger.setLevel(level)


def _kernel_of(name: str) -> str:
    """Return a kernel's name without the number of its call or of its graph.

    >>> _kernel_of("graph_0_cpp_fused_mean_1"), _kernel_of("aoti_torch_cpu_mkldnn__convolution_pointwise:2")
    ('cpp_fused_mean_1', 'aoti_torch_cpu_mkldnn__convolution_pointwise')
    """
    name = name.partition(":")[0]
    return name.split("_", 2)[2] if name.startswith("graph_") else name


def _number(name: str) -> int:
    return int(name.rpartition(":")[2])
