"""The registry of backends. It holds names only: an engine's module is loaded on first use, in a worker.

A new backend is one file and one entry here (and one extra in ``pyproject.toml``). Other packages add theirs without
editing this file: docs/extending.md.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_formfunc.errors import BadInput, MeasurementError
from pytest_formfunc.registry import Table
from pytest_formfunc.targets import load_target

if TYPE_CHECKING:
    from pytest_formfunc.backends.base import Engine

NATIVE, NATIVE_CUDA = "native", "native-cuda"
# Lowest SQNR in dB at which outputs pass, by precision. Rounding alone gives about 140 dB (f32) and 50 dB (bf16) for
# one operation, and about 10 dB less for each factor of ten in the number of operations; a wrong operator leaves less
# than 10 dB. TF32 has the ten bits of a float16's fraction. Eight bits lose more: quantised after training, the sixteen
# patterns keep 16 dB and more. At 10 dB the error is a third of the signal (as root mean squares); a constant output
# has 0 dB, an unrelated one -3 dB. An engine is held to no more than native's own precision allows: 40 dB for a float16
# module, 20 dB for a bfloat16 one.
MIN_SQNR_DB = {"f32": 60.0, "tf32": 40.0, "f16": 40.0, "bf16": 20.0, "int8": 10.0}
# What only lies between native and an engine (measure/waterfall.py).
WATERFALL = ("native-script", "native-script-nhwc")
LIBC, OWN, KEPT = "libc", "own", "kept"
_DEVICE = re.compile(r"[A-Za-z][A-Za-z0-9_.:+()-]*")  # it becomes part of file names and test ids


@dataclass(frozen=True)
class BackendEntry:
    """One entry of the registry.

    Attributes:
        name: what the user types.
        target: ``module:class``.
        distributions: what must be installed, ``one|other`` where either will do; their versions are part of an
            artifact's key.
        preload: modules that the warm server imports, so that a worker does not have to.
        extra: the extra of pytest-formfunc that installs it; empty for a backend of another package.
        precision: what the engine computes in: one of `MIN_SQNR_DB`, or another name with a tolerance of its own.
        summary: one clause for ``--formfunc-list``.
        devices: whether a device can be named, as in ``openvino@GPU``.
        device: the device that was named; empty where none was.
        min_sqnr_db: lowest SQNR in dB at which its outputs pass; by default that of its precision.
        gpu: whether it computes on the first NVIDIA card that is visible. The choice of native, notes about the card,
            and what a run that goes on may take over depend on it.
        memory: how it gets memory for activations: ``libc`` (from the C library, call by call), ``own`` (it keeps what
            it has, whatever the C library does) or ``kept`` (it makes the C library keep what is freed).
    """

    name: str
    target: str
    distributions: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    extra: str = ""
    precision: str = "f32"
    summary: str = ""
    devices: bool = False
    device: str = ""
    min_sqnr_db: float | None = None
    memory: str = LIBC
    gpu: bool = False

    @property
    def tolerance_db(self) -> float:
        """Return the lowest SQNR in dB at which outputs pass."""
        return MIN_SQNR_DB[self.precision] if self.min_sqnr_db is None else self.min_sqnr_db

    def why_not_installed(self) -> str | None:
        """Return a clause that names what is missing and how to install it, or None if nothing is missing."""
        missing = [
            names.replace("|", " or ") for names in self.distributions if not any(map(_installed, names.split("|")))
        ]
        if not missing:
            return None
        verb = "is" if len(missing) == 1 else "are"
        advice = f'pip install "pytest-formfunc[{self.extra}]"' if self.extra else f"pip install {' '.join(missing)}"
        return f"{' and '.join(missing)} {verb} not installed ({advice})"

    def engine_class(self) -> type[Engine]:
        """Import the engine's module and return its class.

        Raises:
            MeasurementError: an added engine does not import, is not an `Engine`, or does not name its artifact.
        """
        if self.added:
            what = f"backend {self.name!r}"
            loaded: type[Engine] = load_target(self.target, what)
            from pytest_formfunc.backends.base import Engine

            if not (isinstance(loaded, type) and issubclass(loaded, Engine)):
                raise MeasurementError(
                    f"{what} ({self.target}) must be a subclass of pytest_formfunc.backends.base.Engine"
                )
            artifact = getattr(loaded, "artifact", None)
            if not isinstance(artifact, str) or not artifact or "/" in artifact:
                raise MeasurementError(
                    f"{what} ({self.target}): its artifact is {artifact!r} and must be a file's name"
                )
            return loaded
        module, _, name = self.target.partition(":")
        loaded = getattr(importlib.import_module(module), name)
        return loaded

    @property
    def added(self) -> bool:
        """Return whether another package or a conftest.py added it."""
        return TABLE.is_added(self.name.partition("@")[0])

    def make(self, threads: int) -> Engine:
        """Return an instance of the engine, with nothing loaded yet."""
        return self.engine_class()(threads, self.device)


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


_TORCH_MODULES = ("torch", "torch.export", "torch._export.utils")
_OPENVINO_MODULES = (
    "openvino",
    "openvino.frontend.pytorch.fx_decoder",
    "openvino.frontend.pytorch.torchdynamo",
)

BACKENDS = (
    BackendEntry(
        name=NATIVE,
        target="pytest_formfunc.backends.native:NativeEngine",
        distributions=("torch",),
        preload=_TORCH_MODULES,
        extra="torch",
        precision="f32",
        summary="PyTorch eager, float32",
    ),
    BackendEntry(
        name="native-nhwc",
        target="pytest_formfunc.backends.native_variants:NativeNhwcEngine",
        distributions=("torch",),
        preload=_TORCH_MODULES,
        extra="torch",
        precision="f32",
        summary="PyTorch eager, channels_last",
    ),
    BackendEntry(
        name="native-retain",
        target="pytest_formfunc.backends.native_variants:NativeRetainEngine",
        distributions=("torch",),
        preload=_TORCH_MODULES,
        extra="torch",
        precision="f32",
        summary="PyTorch eager, an allocator that keeps its memory",
        memory=KEPT,
    ),
    BackendEntry(
        name="native-script",
        target="pytest_formfunc.backends.native_script:NativeScriptEngine",
        distributions=("torch",),
        preload=_TORCH_MODULES,
        extra="torch",
        precision="f32",
        summary="PyTorch's operators called by TorchScript's interpreter, not optimised",
    ),
    BackendEntry(
        name="native-script-nhwc",
        target="pytest_formfunc.backends.native_script:NativeScriptNhwcEngine",
        distributions=("torch",),
        preload=_TORCH_MODULES,
        extra="torch",
        precision="f32",
        summary="the same, channels_last",
    ),
    BackendEntry(
        name="openvino",
        target="pytest_formfunc.backends.openvino:OpenVinoEngine",
        distributions=("torch", "openvino"),
        preload=_OPENVINO_MODULES,
        extra="openvino",
        precision="f32",
        summary="OpenVINO, float32; openvino@GPU and other devices by name",
        memory=OWN,
        devices=True,
    ),
    BackendEntry(
        name="openvino-bf16",
        target="pytest_formfunc.backends.openvino:OpenVinoBf16Engine",
        distributions=("torch", "openvino"),
        preload=_OPENVINO_MODULES,
        extra="openvino",
        precision="bf16",
        summary="OpenVINO, bfloat16 where the CPU has it",
        memory=OWN,
    ),
    BackendEntry(
        name="openvino-int8",
        target="pytest_formfunc.backends.openvino_int8:OpenVinoInt8Engine",
        distributions=("torch", "openvino", "nncf"),
        preload=_OPENVINO_MODULES,
        extra="nncf",
        precision="int8",
        summary="OpenVINO, quantised by NNCF after training",
        memory=OWN,
        devices=True,
    ),
    BackendEntry(
        name="openvino-tput",
        target="pytest_formfunc.backends.openvino_tput:OpenVinoThroughputEngine",
        distributions=("torch", "openvino"),
        preload=_OPENVINO_MODULES,
        extra="openvino",
        precision="f32",
        summary="OpenVINO, float32, many requests at once; time per inference",
        memory=OWN,
        devices=True,
    ),
    BackendEntry(
        name="onnxruntime",
        target="pytest_formfunc.backends.onnxruntime:OnnxRuntimeEngine",
        distributions=("torch", "onnx", "onnxscript", "onnxruntime|onnxruntime-gpu"),
        preload=_TORCH_MODULES,
        extra="onnxruntime",
        precision="f32",
        summary="ONNX Runtime, float32",
        memory=OWN,
    ),
    BackendEntry(
        name="inductor",
        target="pytest_formfunc.backends.inductor:InductorEngine",
        distributions=("torch",),
        preload=_TORCH_MODULES,
        extra="torch",
        precision="f32",
        summary="torch.compile's compiler ahead of time, frozen weights",
    ),
    BackendEntry(
        name="jax",
        target="pytest_formfunc.backends.jax:JaxEngine",
        distributions=("torch", "jax", "torchax"),
        preload=_TORCH_MODULES,
        extra="jax",
        precision="f32",
        summary="JAX (XLA) through torchax",
    ),
    BackendEntry(
        name=NATIVE_CUDA,
        target="pytest_formfunc.backends.cuda:NativeCudaEngine",
        distributions=("torch",),
        preload=_TORCH_MODULES,
        extra="torch",
        precision="f32",
        summary="PyTorch eager on an NVIDIA GPU",
        memory=OWN,
        gpu=True,
    ),
    BackendEntry(
        name="native-cuda-tf32",
        target="pytest_formfunc.backends.cuda:NativeCudaTf32Engine",
        distributions=("torch",),
        preload=_TORCH_MODULES,
        extra="torch",
        precision="tf32",
        summary="PyTorch eager on an NVIDIA GPU, TF32 in products and convolutions",
        memory=OWN,
        gpu=True,
    ),
    BackendEntry(
        name="native-cuda-bf16",
        target="pytest_formfunc.backends.cuda:NativeCudaBf16Engine",
        distributions=("torch",),
        preload=_TORCH_MODULES,
        extra="torch",
        precision="bf16",
        summary="PyTorch eager on an NVIDIA GPU, weights and inputs in bfloat16",
        memory=OWN,
        gpu=True,
    ),
    BackendEntry(
        name="cudagraphs",
        target="pytest_formfunc.backends.cuda:CudaGraphsEngine",
        distributions=("torch",),
        preload=_TORCH_MODULES,
        extra="torch",
        precision="f32",
        summary="PyTorch eager as a CUDA graph",
        memory=OWN,
        gpu=True,
    ),
    BackendEntry(
        name="inductor-cuda",
        target="pytest_formfunc.backends.cuda:InductorCudaEngine",
        distributions=("torch",),
        preload=_TORCH_MODULES,
        extra="torch",
        precision="f32",
        summary="torch.compile's compiler for an NVIDIA GPU",
        memory=OWN,
        gpu=True,
    ),
    BackendEntry(
        name="onnxruntime-cuda",
        target="pytest_formfunc.backends.onnxruntime_cuda:OnnxRuntimeCudaEngine",
        distributions=("torch", "onnx", "onnxscript", "onnxruntime-gpu"),
        preload=_TORCH_MODULES,
        extra="onnxruntime-cuda",
        precision="f32",
        summary="ONNX Runtime on an NVIDIA GPU",
        memory=OWN,
        gpu=True,
    ),
    BackendEntry(
        name="tensorrt",
        target="pytest_formfunc.backends.tensorrt:TensorRtEngine",
        distributions=("torch", "onnx", "onnxscript", "tensorrt"),
        preload=_TORCH_MODULES,
        extra="tensorrt",
        precision="f32",
        summary="TensorRT, float32",
        memory=OWN,
        gpu=True,
    ),
    BackendEntry(
        name="tensorrt-f16",
        target="pytest_formfunc.backends.tensorrt:TensorRtF16Engine",
        distributions=("torch", "onnx", "onnxscript", "tensorrt"),
        preload=_TORCH_MODULES,
        extra="tensorrt",
        precision="f16",
        summary="TensorRT, float16",
        memory=OWN,
        gpu=True,
    ),
)

TABLE = Table("backend", BACKENDS)


def all_backends() -> tuple[BackendEntry, ...]:
    """Return every known backend's entry, native first, added ones last."""
    return (*TABLE.bundled, *TABLE.added)


def distributions() -> tuple[str, ...]:
    """Return every distribution that some backend needs, without repeats."""
    return tuple(
        dict.fromkeys(name for entry in all_backends() for names in entry.distributions for name in names.split("|"))
    )


def preload_modules() -> tuple[str, ...]:
    """Return every module that the warm server imports, without repeats."""
    return tuple(dict.fromkeys(name for entry in all_backends() for name in entry.preload))


def backend_names() -> tuple[str, ...]:
    """Return every known backend's name, native first."""
    return TABLE.names()


def backend_entry(name: str) -> BackendEntry:
    """Return the entry of a backend's name, which may include a device: ``openvino@GPU``.

    Raises:
        BadInput: there is no such backend, or it takes no device.
    """
    base, at, device = name.partition("@")
    if base not in TABLE.names():
        raise BadInput(f"unknown backend {name!r}: known are {', '.join(backend_names())}")
    entry = TABLE.entry(base)
    if not at:
        return entry
    if not entry.devices or not _DEVICE.fullmatch(device):
        named = " or ".join(f"{one.name}@DEVICE" for one in all_backends() if one.devices)
        raise BadInput(f"unknown backend {name!r}: a device is named as in {named} (@HETERO:GPU+CPU for a list)")
    return replace(entry, name=name, device=device)
