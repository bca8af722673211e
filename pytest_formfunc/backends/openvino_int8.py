"""OpenVINO in int8: quantised after training by NNCF, with what that costs in accuracy."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_formfunc.backends.native import arrays_of
from pytest_formfunc.backends.openvino import OpenVinoEngine

if TYPE_CHECKING:
    from pytest_formfunc.forms.built import Inputs, Network

# Seeds of the inputs that are drawn; parity uses small ones, so that none of these is judged with its own calibration.
CALIBRATION_SEED = 1_000_000
ACCURACY_SEED = 2_000_000
_MOST_INPUTS, _FEWEST_INPUTS = 32, 8
_CALIBRATION_MACS = 6e9  # in all: NNCF runs the network a few times for each input, and keeps every activation
_ACCURACY_INPUTS = 16
_HELD_OUT = 4  # of the inputs that a user brings, every fourth is kept for accuracy
_VNNI = {"avx512_vnni", "avx_vnni", "amx_int8"}


class OpenVinoInt8Engine(OpenVinoEngine):
    """The float32 model of `OpenVinoEngine`, quantised by ``nncf.quantize``.

    Two of its defaults are changed. Activations are given the range that they had over all calibration inputs, not the
    mean of each input's range, which clips bright ones. And where the processor has no VNNI, whose substitute saturates
    sums of two products at 16 bits, all weights are given half of their range (it would do so for the first layer
    only).
    """

    artifact = "model-int8.xml"

    @classmethod
    def artifact_name(cls, threads: int) -> str:
        """Say in it that the model is for processors that saturate."""
        del threads
        return "model-int8-saturating.xml" if saturates() else cls.artifact

    @classmethod
    def prepare(cls, network: Network, artifact: Path) -> dict[str, Any]:
        """Quantise with some inputs, and compare the outputs for other ones with those of the unquantised network.

        Returns:
            ``{"accuracy": {"sqnr_db", "top1_agreement", "inputs", "inputs_from", "calibration_inputs",
            "calibration_from"}}``. SQNR is the smallest of all outputs, over all inputs together; top1_agreement is the
            share of samples whose largest class stays the same, None where the first output is not samples x classes.
            Inputs are ``given`` by the user or ``drawn``.

        Raises:
            BadInput: what the user gave does not fit the network.
        """
        with tempfile.TemporaryDirectory(prefix="formfunc-int8-") as folder:
            plain = Path(folder) / "model.xml"
            OpenVinoEngine.prepare(network, plain)
            given = network.calibration() if network.calibration else []
            held_out = list(given[::_HELD_OUT]) if len(given) > 1 else []
            calibration = [one for index, one in enumerate(given) if index % _HELD_OUT or not held_out]
            origin = {"calibration_from": _origin(calibration), "inputs_from": _origin(held_out)}
            calibration = calibration or draw_calibration(network)
            held_out = held_out or [network.draw(ACCURACY_SEED + index) for index in range(_ACCURACY_INPUTS)]
            _quantise(plain, calibration, artifact)
            with_module = network.module is not None
            reference = _run_module(network.module, held_out) if with_module else _run(plain, held_out)
            accuracy = _accuracy(reference, _run(artifact, held_out))
        counts = {"inputs": len(held_out), "calibration_inputs": len(calibration)}
        return {"accuracy": {**accuracy, **counts, **origin}}

    def settings(self) -> dict[str, Any]:
        """See `Engine.settings`."""
        return {**super().settings(), **settings_of_quantisation()}

    @property
    def precision(self) -> str:
        """Return ``int8`` where the compiled model computes anything in it, else what the rest runs in."""
        graph = self.graph()
        in_int8 = graph is not None and {"i8", "u8"} & set(graph["precisions"])
        return "int8" if in_int8 else super().precision


def saturates() -> bool:
    """Return whether this processor adds products of eight bits in sixteen: x86 without VNNI."""
    from pytest_formfunc.host import describe_host

    host = describe_host()
    return host["machine"] in ("x86_64", "AMD64") and not _VNNI & set(host["isa"])


def settings_of_quantisation() -> dict[str, Any]:
    """Return what is chosen beyond NNCF's defaults."""
    return {"activation_range": "min and max over all inputs", "overflow_fix": "enable" if saturates() else "default"}


def _origin(inputs: Sequence[Inputs]) -> str:
    return "given" if inputs else "drawn"


def draw_calibration(network: Network) -> list[Inputs]:
    """Draw the inputs that ranges are taken from, fewer where the network is heavy.

    The number hangs on the multiply-adds and not on the clock, so that the same network gives the same artifact.
    """
    number = _MOST_INPUTS
    if network.module is not None:
        from pytest_formfunc.function.cost import count_cost

        macs = count_cost(network.module, network.inputs.args, network.inputs.kwargs).macs
        number = int(min(_MOST_INPUTS, max(_FEWEST_INPUTS, _CALIBRATION_MACS / max(macs, 1))))
    return [network.draw(CALIBRATION_SEED + index) for index in range(number)]


def _quantise(model: Path, inputs: Sequence[Inputs], artifact: Path) -> None:
    """Write the quantised model. NNCF is imported here only: it takes a second, and would report its use."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # it falls back on a stand-in
    import nncf
    import openvino

    nncf.set_log_level(logging.ERROR)
    data = nncf.Dataset([_arrays(one) for one in inputs])
    with contextlib.redirect_stdout(io.StringIO()):  # its progress bars
        quantised = nncf.quantize(
            openvino.Core().read_model(model), data, subset_size=len(inputs), advanced_parameters=advanced_parameters()
        )
    openvino.save_model(quantised, artifact, compress_to_fp16=False)


def advanced_parameters() -> Any:
    """Return NNCF's parameters with what is chosen here; ``bench/test_quantisation.py`` prints what each is worth."""
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    return AdvancedQuantizationParameters(
        activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
        overflow_fix=OverflowFix.ENABLE if saturates() else OverflowFix.FIRST_LAYER,
    )


def _arrays(inputs: Inputs) -> list[np.ndarray[Any, Any]]:
    return [np.ascontiguousarray(tensor.numpy()) for tensor in inputs.tensors]


def _run(model: Path, inputs: Sequence[Inputs]) -> list[list[np.ndarray[Any, Any]]]:
    import openvino

    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return [[np.array(value) for value in compiled(_arrays(one)).values()] for one in inputs]


def _run_module(module: Any, inputs: Sequence[Inputs]) -> list[list[np.ndarray[Any, Any]]]:
    import torch

    with torch.inference_mode():
        return [arrays_of(module(*one.args, **one.kwargs)) for one in inputs]


def _accuracy(
    reference: Sequence[list[np.ndarray[Any, Any]]], other: Sequence[list[np.ndarray[Any, Any]]]
) -> dict[str, float | None]:
    from pytest_formfunc.parity import sqnr_db

    def joined(outputs: Sequence[list[np.ndarray[Any, Any]]], index: int) -> np.ndarray[Any, Any]:
        return np.concatenate([one[index].ravel() for one in outputs]).astype(np.float64)

    worst = min(sqnr_db(joined(reference, index), joined(other, index)) for index in range(len(reference[0])))
    agreement = None
    if reference[0][0].ndim == 2 and reference[0][0].shape[1] > 1:
        same = [a[0].argmax(1) == b[0].argmax(1) for a, b in zip(reference, other, strict=True)]
        agreement = float(np.mean(np.concatenate(same)))
    return {"sqnr_db": worst if np.isfinite(worst) else None, "top1_agreement": agreement}
