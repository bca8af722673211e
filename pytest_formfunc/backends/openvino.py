"""OpenVINO with one request at a time, on the CPU or another device, in a fixed precision."""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_formfunc.backends.arrays import from_bfloat16_bits
from pytest_formfunc.backends.base import RAMP_S, Engine
from pytest_formfunc.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_formfunc.backends.profiling import Profiler
    from pytest_formfunc.backends.reproduction import Reproduction
    from pytest_formfunc.forms.built import Network
    from pytest_formfunc.forms.sources import Source


# Devices that pass the network on to other devices, and those of them that pass settings on too.
_VIRTUAL = ("AUTO", "HETERO", "MULTI", "BATCH")
_TAKES_DEVICE_SETTINGS = ("AUTO", "HETERO", "MULTI")


# What of a device other than the processor must be equal before two runs are compared, as OpenVINO names it
# (openvino.properties; intel_gpu and intel_npu for their own). A device that lacks one does not have it in its record.
_CARD_FACTS = {
    "name": "FULL_DEVICE_NAME",
    "architecture": "DEVICE_ARCHITECTURE",
    "memory_bytes": "GPU_DEVICE_TOTAL_MEM_SIZE",
    "execution_units": "GPU_EXECUTION_UNITS_COUNT",
    "microarchitecture": "GPU_UARCH_VERSION",
    "gpu_driver": "GPU_DRIVER_VERSION",
    "driver": "NPU_DRIVER_VERSION",
    "compiler": "NPU_COMPILER_VERSION",
}


class OpenVinoEngine(Engine):
    """OpenVINO with the latency hint and float32 (by default it uses bfloat16 where the CPU supports it).

    A device is named as in OpenVINO, but with ``+`` for its comma: ``AUTO``, ``GPU.1``, ``HETERO:GPU+CPU``.
    """

    artifact = "model.xml"
    hint = "f32"
    performance = "LATENCY"
    counts = False  # the time of each node

    def why_unavailable(self) -> str | None:
        """Return a clause that names a missing device and the available ones, or None if all are there."""
        import openvino

        there = openvino.Core().available_devices
        plugin, colon, _ = self._asked.partition(":")
        if colon and plugin not in _VIRTUAL:
            return f"OpenVINO has no device {plugin!r} that takes a list (there are {', '.join(_VIRTUAL)})"
        for name in _named_in(self._asked):
            device = name.lstrip("-")
            if not any(_is_of(one, device) for one in there):
                named = ", ".join(there) or "none at all"
                return (
                    f"OpenVINO finds no device {device!r} here: there is {named} (or {', '.join(_VIRTUAL)} over these)"
                )
        return None

    def devices(self) -> tuple[dict[str, Any], ...]:
        """Return what OpenVINO tells of each device beside the processor that the name of its device covers."""
        import openvino

        core = openvino.Core()
        return tuple(
            {"device": one, **_facts(core, one)}
            for one in devices_of(self._asked, core.available_devices)
            if one != "CPU"
        )

    @property
    def _asked(self) -> str:
        """Return the device's name as OpenVINO writes it."""
        return self.target.replace("+", ",") or "CPU"

    @classmethod
    def prepare(cls, network: Network, artifact: Path) -> dict[str, Any] | None:
        """Convert the exported program without compression (``torch.jit.trace`` is deprecated), or read the file.

        Raises:
            Unsupported: the file has an operator that OpenVINO lacks, or does not take the inputs.
        """
        import openvino

        from pytest_formfunc.backends.openvino_files import read_for

        if network.file is not None:
            openvino.save_model(read_for(network.file, network.inputs), artifact, compress_to_fp16=False)
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations between the two libraries, none of the user's
            model = _convert(network)
            # The converter leaves every dimension dynamic; a deployment that knows its shape fixes it, which is faster.
            for port in model.inputs:  # numbers and words among the arguments are inputs that nothing reads
                if port.get_element_type().is_dynamic() and not port.get_target_inputs():
                    model.remove_parameter(port.get_node())
            shapes = [list(tensor.shape) for tensor in network.inputs.tensors]
            model.reshape(dict(zip(model.inputs, shapes, strict=True)))
            openvino.save_model(model, artifact, compress_to_fp16=False)
        return None

    def load(self, source: Source, artifact: Path) -> None:
        """Read the IR and compile it for ``threads`` threads of the host and this engine's performance hint."""
        import openvino

        self._openvino, self._source, self._artifact = openvino, source, artifact
        self._core = openvino.Core()
        self._compiled = self._core.compile_model(
            artifact,
            self._asked,
            {**self._config(), **({"PERF_COUNT": True} if self.counts else {})},
        )
        self._request = self._compiled.create_infer_request()
        self.ramp_s = RAMP_S if self._cards() else 0.0

    def _cards(self) -> list[str]:
        """Return the devices that execute it, without the processor."""
        return [name for name in self.device.split(",") if name.partition(".")[0] != "CPU"]

    def card(self) -> dict[str, Any]:
        """Return what OpenVINO tells of the first device that is not the processor; empty where there is none."""
        for device in self._cards():
            count = sum(one.partition(".")[0] == device.partition(".")[0] for one in self._core.available_devices)
            return {**_facts(self._core, device), "cards": count}
        return {}

    def _config(self) -> dict[str, Any]:
        """Return what the model is compiled with."""
        config: dict[str, Any] = {"PERFORMANCE_HINT": self.performance, "INFERENCE_PRECISION_HINT": self.hint}
        if self._asked.partition(":")[0] == "AUTO":
            # Else the processor answers until the model is compiled for the device that is chosen.
            config["ENABLE_STARTUP_FALLBACK"] = False
        return {**config, **self._thread_settings()}

    def reproduction(self) -> Reproduction:
        """Return how its IR is handed to somebody who has OpenVINO alone."""
        from pytest_formfunc.backends import openvino_reproduction as parts
        from pytest_formfunc.backends.reproduction import Reproduction

        settings = {"device": self._asked, "config": self._config(), "queue": self.performance == "THROUGHPUT"}
        return Reproduction(
            "openvino", "OpenVINO", parts.MODEL, parts.write_ir, parts.types_of_ir, parts.open_openvino, settings
        )

    def _thread_settings(self) -> dict[str, Any]:
        """Return the settings that give the CPU its number of threads; other devices have no such setting."""
        threads = {"INFERENCE_NUM_THREADS": self.threads}
        plugin = self._asked.partition(":")[0]
        if plugin == "CPU":
            return threads
        return {"DEVICE_PROPERTIES": {"CPU": threads}} if plugin in _TAKES_DEVICE_SETTINGS else {}

    def settings(self) -> dict[str, Any]:
        """Return the settings that differ from the engine's defaults."""
        return {"PERFORMANCE_HINT": self.performance, "INFERENCE_PRECISION_HINT": self.hint, "device": self._asked}

    def set_inputs(self, inputs: tuple[np.ndarray[Any, Any], ...]) -> None:
        """Choose the arrays that the next calls read; tensors share their memory, so a call copies nothing."""
        self._arrays = inputs
        for index, array in enumerate(inputs):
            self._request.set_input_tensor(index, self._tensor(index, array))

    def _tensor(self, index: int, array: np.ndarray[Any, Any]) -> Any:
        """Return an array as a tensor that shares its memory; 16-bit integers may be the bits of bfloat16 values."""
        wanted = self._compiled.inputs[index].get_element_type()
        if wanted == self._openvino.Type.bf16 and array.dtype == np.int16:
            return self._openvino.Tensor(array, array.shape, wanted)
        return self._openvino.Tensor(array, shared_memory=True)

    def call(self) -> Any:
        """Run the model once in this thread.

        ``start_async`` would hand the work to another thread, which takes time and depends more on the operating
        system's scheduler. Outputs are shared, so a call does not copy them.
        """
        self._request.infer(share_outputs=True)

    def outputs(self) -> list[np.ndarray[Any, Any]]:
        """Run the model once and return its outputs, flattened, as copies."""
        self.call()
        return self._outputs_of(self._request)

    def _outputs_of(self, request: Any) -> list[np.ndarray[Any, Any]]:
        """Return copies of a request's outputs; bfloat16 ones, which come as bits in float16 arrays, as float32."""
        tensors = [request.get_output_tensor(index) for index in range(len(self._compiled.outputs))]
        bf16 = self._openvino.Type.bf16
        return [from_bfloat16_bits(one.data) if one.element_type == bf16 else np.array(one.data) for one in tensors]

    def profiler(self, program: Any) -> Profiler:
        """Return a request of the model compiled once more, with performance counters, with the same inputs."""
        from pytest_formfunc.backends.openvino_profile import OpenVinoProfiler

        profiled = type(self)(self.threads, self.target)
        profiled.counts = True
        profiled.load(self._source, self._artifact)
        profiled.set_inputs(self._arrays)
        return OpenVinoProfiler(profiled._compiled, profiled._request, profiled.call, program)

    def graph(self) -> dict[str, Any] | None:
        """Return the executed kernels, read from OpenVINO's runtime model without running it."""
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
            # "relu_1/aten.relu.default/Relu" is a node of the exported program; names without slash are OpenVINO's.
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
        """Return the precision that the compiled model reports, or that its part on the first device reports."""
        return _precision_of(self._own_properties().get("INFERENCE_PRECISION_HINT", self.hint))

    @property
    def device(self) -> str:
        """Return the devices that executed the last call: ``CPU`` where ``AUTO`` chose that, or ``GPU,CPU``."""
        executed = self._compiled.get_property("EXECUTION_DEVICES")
        names = [executed] if isinstance(executed, str) else list(executed)
        return ",".join(name.strip("()") for name in names)

    def _own_properties(self) -> dict[str, Any]:
        """Return the compiled model's precision property, or else the properties of its part on the first device."""
        if "INFERENCE_PRECISION_HINT" in self._compiled.get_property("SUPPORTED_PROPERTIES"):
            return {"INFERENCE_PRECISION_HINT": self._compiled.get_property("INFERENCE_PRECISION_HINT")}
        parts: dict[str, dict[str, Any]] = self._compiled.get_property("DEVICE_PROPERTIES")
        return next(iter(parts.values()), {})


def devices_of(asked: str, there: Sequence[str]) -> list[str]:
    """Return those of the available devices that the name of a device, as OpenVINO writes it, may lead to.

    >>> devices_of("GPU", ["CPU", "GPU.0", "GPU.1"]), devices_of("GPU.1", ["CPU", "GPU.0", "GPU.1"])
    (['GPU.0', 'GPU.1'], ['GPU.1'])
    >>> devices_of("HETERO:GPU,CPU(2)", ["CPU", "GPU", "NPU"]), devices_of("AUTO:-GPU", ["CPU", "GPU", "NPU"])
    (['CPU', 'GPU'], ['CPU', 'NPU'])
    """
    named = _named_in(asked)
    wanted = [name for name in named if not name.startswith("-")] or there
    excluded = [name[1:] for name in named if name.startswith("-")]
    found = [device for device in there if any(_is_of(device, name) for name in wanted)]
    return [device for device in found if not any(_is_of(device, name) for name in excluded)]


def _named_in(asked: str) -> list[str]:
    """Return the devices in a name: ``-GPU`` excludes one, ``CPU(2)`` gives it two requests."""
    plugin, colon, listed = asked.partition(":")
    wanted = listed.split(",") if colon else [] if plugin in _VIRTUAL else [plugin]
    return [name.partition("(")[0] for name in wanted]


def _is_of(device: str, name: str) -> bool:
    """Return whether a device is what a name means: ``GPU`` means every one of its kind, ``GPU.0`` too."""
    return device == name or device.startswith(f"{name}.")


def _facts(core: Any, device: str) -> dict[str, Any]:
    """Return what OpenVINO tells of a device, of what must be equal before two runs are compared."""
    known = core.get_property(device, "SUPPORTED_PROPERTIES")
    facts = {name: core.get_property(device, key) for name, key in _CARD_FACTS.items() if key in known}
    return {name: fact if isinstance(fact, int) else str(fact) for name, fact in facts.items()}


def _convert(network: Network) -> Any:
    """Convert the exported program, or a module of TorchScript, which cannot be exported."""
    import openvino
    import torch

    if not isinstance(network.module, torch.jit.ScriptModule):
        return openvino.convert_model(network.program)
    if network.inputs.kwargs:
        raise Unsupported("OpenVINO takes a module of TorchScript with positional arguments only")
    return openvino.convert_model(network.module, example_input=network.inputs.args)


def _precision_of(element: Any) -> str:
    name = element.get_type_name() if hasattr(element, "get_type_name") else str(element)
    return {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}.get(name, name)


class OpenVinoBf16Engine(OpenVinoEngine):
    """OpenVINO in bfloat16; available only where the CPU computes in it."""

    hint = "bf16"

    def why_unavailable(self) -> str | None:
        """Return why this machine cannot run the engine, or None where it can."""
        import openvino

        if (reason := super().why_unavailable()) is not None:
            return reason
        if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            return "this CPU does not compute in bfloat16 (needs AVX-512 BF16 or AMX)"
        return None
