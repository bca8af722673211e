"""torch.compile's compiler ahead of time: one package of machine code with frozen weights, loaded by each launch.

``torch._inductor.aoti_compile_and_package`` compiles the exported program. The alternative, ``torch.compile`` with
freezing, would compile (or look up) the graph in every launch and run Python and its guards in every call.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_formfunc.backends.arrays import from_array
from pytest_formfunc.backends.base import Engine, require_module
from pytest_formfunc.backends.native import arrays_of
from pytest_formfunc.errors import MeasurementError

if TYPE_CHECKING:
    from pytest_formfunc.backends.profiling import Profiler
    from pytest_formfunc.forms.built import Network
    from pytest_formfunc.forms.sources import Source

# One compiler process: a pool of them would stay alive after the one model that it is needed for.
CONFIGS = {"freezing": True, "compile_threads": 1}


class InductorEngine(Engine):
    """AOTInductor on the CPU: kernels for this processor's instructions and this number of threads."""

    artifact = "inductor.pt2"
    takes_strides = True  # its code is made for the example's

    @classmethod
    def artifact_name(cls, threads: int) -> str:
        """Return a name that includes the processor and the threads, which the code is made for."""
        from pytest_formfunc.host import describe_host

        host = describe_host()
        processor = json.dumps([host["cpu"], host["cpu_generation"], host["isa"]])
        return f"inductor-frozen-{hashlib.sha256(processor.encode()).hexdigest()[:8]}-t{threads}.pt2"

    def why_unavailable(self) -> str | None:
        """Return why this machine cannot run the engine, or None where it can."""
        return why_no_compiler()

    @classmethod
    def prepare(cls, network: Network, artifact: Path) -> None:
        """Compile the exported program for the number of threads that torch uses now.

        Raises:
            Unsupported: the model is a file that has no PyTorch form.
        """
        require_module(network, "Inductor compiles PyTorch")
        compile_package(network.program, artifact)

    def load(self, source: Source, artifact: Path) -> None:
        """Load the package; the weights are in it."""
        import torch

        torch.set_num_threads(self.threads)
        self._torch = torch
        self._model = load_package(artifact)
        self._arguments = source.inputs(0)

    def set_inputs(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
        """Choose the arrays that the next calls read."""
        tensors = zip(inputs, self._arguments.tensors, strict=True)
        self._arguments = self._arguments.with_tensors([from_array(array, like) for array, like in tensors])

    def call(self) -> Any:
        """Run the model once and wait for its outputs."""
        with self._torch.inference_mode():
            return self._model(*self._arguments.args, **self._arguments.kwargs)

    def outputs(self) -> list[np.ndarray[Any, Any]]:
        """Run the model once and return its outputs, flattened, as copies."""
        return arrays_of(self.call())

    def profiler(self, program: Any) -> Profiler:
        """Compile the program once more, so that each kernel is recorded."""
        from pytest_formfunc.backends.inductor_profile import InductorProfiler

        return InductorProfiler(program, self._arguments, self.shared_folder)

    def settings(self) -> dict[str, Any]:
        """Return the settings that differ from the engine's defaults."""
        return {"freezing": True, "compiled": "ahead of time"}

    @property
    def precision(self) -> str:
        """Return the exported program's precision, which the compiler does not change."""
        return "f32"


def _compilers() -> list[str]:
    from torch._inductor import config

    named = config.cpp.cxx if isinstance(config.cpp.cxx, tuple | list) else [config.cpp.cxx]
    return [*dict.fromkeys(name for name in (*named, "g++", "clang++") if name)]


def find_compiler() -> str | None:
    """Return the path of the C++ compiler that Inductor uses, or None."""
    return next((path for path in map(shutil.which, _compilers()) if path), None)


def why_no_compiler() -> str | None:
    """Return a clause that names the C++ compilers that were not found, or None if there is one."""
    if find_compiler() is not None:
        return None
    return f"Inductor needs a C++ compiler and finds none of {', '.join(_compilers())} (CXX names another)"


def compile_package(program: Any, artifact: Path, more: Mapping[str, Any] | None = None) -> None:
    """Compile an exported program into a package.

    Inductor keeps precompiled headers in its own cache; without them a compilation takes twice as long. It freezes
    weights only where gradients are switched off; elsewhere it leaves them as they are without a word.

    Args:
        program: the ``torch.export.ExportedProgram``.
        artifact: the file to write.
        more: settings beyond those of the engine.
    """
    import torch

    configs = CONFIGS | dict(more or {})
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # deprecations inside the compiler, none of the user's
        torch._inductor.aoti_compile_and_package(program, package_path=str(artifact), inductor_configs=configs)
    if copies_library(artifact):
        artifact.unlink()
        raise MeasurementError(
            "the compiler (CXX) puts a copy of the C++ library into its code (-static-libstdc++), which fails beside "
            "the library that torch uses; name a compiler by CXX that links the shared library, such as CXX=g++"
        )


def copies_library(package: Path) -> bool:
    """Return whether code in a package needs no shared C++ library, hence holds a copy of it.

    Such code cannot be loaded by torch: ``std::regex``, by which it reads its device's name, raises an error there or
    ends the process (seen with torch 2.11 and 2.13, g++ 12 and 13, on a CPU and for a GPU).
    """
    with zipfile.ZipFile(package) as files:
        code = [files.read(name) for name in files.namelist() if name.endswith(".so")]
    return any(b"libstdc++.so" not in one and b"libc++.so" not in one for one in code)


def load_package(artifact: Path, use: Callable[[Any], object] = lambda model: None) -> Any:
    """Load a package, and do with it what needs its files.

    The loader unpacks it into a temporary folder. It would remove the folder when the process exits normally, but
    workers do not exit so. Hence it gets a folder that is removed here.

    Args:
        artifact: the package.
        use: what is done while the files are there: code for a GPU reads its kernels when they are first called.
    """
    import torch

    before = os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory(prefix="formfunc-inductor-", ignore_cleanup_errors=True) as folder:
        os.environ["TMPDIR"] = folder
        try:
            model = torch._inductor.aoti_load_package(str(artifact))
        finally:
            if before is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = before
        use(model)
        return model
