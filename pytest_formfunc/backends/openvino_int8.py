"""OpenVINO in int8: quantises with NNCF after training, and measures the loss of accuracy."""

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

# Seeds of drawn inputs. Parity uses small seeds, so that it never compares outputs on inputs used for calibration.
CALIBRATION_SEED = 1_000_000
ACCURACY_SEED = 2_000_000
_MOST_INPUTS, _FEWEST_INPUTS = 32, 8
_CALIBRATION_MACS = 6e9  # over all inputs: NNCF runs the network a few times for each and keeps every activation
_ACCURACY_INPUTS = 16
_HELD_OUT = 4  # every fourth of a user's inputs is held out to measure accuracy
_VNNI = {"avx512_vnni", "avx_vnni", "amx_int8"}


class OpenVinoInt8Engine(OpenVinoEngine):
    """The float32 model of `OpenVinoEngine`, quantised by ``nncf.quantize``.

    Two of NNCF's defaults are changed. The range of an activation is its range over all calibration inputs; by default
    it is the mean of each input's range, which clips inputs with large values. And on processors without VNNI, where
    the instruction used instead saturates sums of two products at 16 bits, the weights of all layers use half of their
    range; by default only those of the first layer do.
    """

    artifact = "model-int8.xml"

    @classmethod
    def artifact_name(cls, threads: int) -> str:
        """Return a name that says whether the model is for processors that saturate."""
        del threads
        return "model-int8-saturating.xml" if saturates() else cls.artifact

    @classmethod
    def prepare(cls, network: Network, artifact: Path) -> dict[str, Any]:
        """Quantise with some inputs, and compare outputs with those of the unquantised network on other inputs.

        Returns:
            ``{"accuracy": {"sqnr_db", "top1_agreement", "inputs", "inputs_from", "calibration_inputs",
            "calibration_from"}}``. ``sqnr_db`` is the smallest SQNR of all outputs, each over all inputs together;
            ``top1_agreement`` is the share of samples whose largest class stays the same, or None where the first
            output is not samples x classes. Inputs are ``given`` by the user or ``drawn``.

        Raises:
            BadInput: the user's samples do not fit the network.
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
        """Return the settings that differ from the engine's defaults."""
        return {**super().settings(), **settings_of_quantisation()}

    @property
    def precision(self) -> str:
        """Return ``int8`` if the compiled model computes anything in it, else the precision of the rest."""
        graph = self.graph()
        in_int8 = graph is not None and {"i8", "u8"} & set(graph["precisions"])
        return "int8" if in_int8 else super().precision


def saturates() -> bool:
    """Return whether this processor adds 8-bit products in 16 bits, which saturates: x86 without VNNI."""
    from pytest_formfunc.host import describe_host

    host = describe_host()
    return host["machine"] in ("x86_64", "AMD64") and not _VNNI & set(host["isa"])


def settings_of_quantisation() -> dict[str, Any]:
    """Return the settings that differ from NNCF's defaults."""
    return {"activation_range": "min and max over all inputs", "overflow_fix": "enable" if saturates() else "default"}


def _origin(inputs: Sequence[Inputs]) -> str:
    return "given" if inputs else "drawn"


def draw_calibration(network: Network) -> list[Inputs]:
    """Draw the inputs that activation ranges are taken from; fewer if the network is expensive.

    Their number depends on multiply-adds rather than on time, so that the same network gives the same artifact.
    """
    number = _MOST_INPUTS
    if network.module is not None:
        from pytest_formfunc.function.cost import count_cost

        macs = count_cost(network.module, network.inputs.args, network.inputs.kwargs).macs
        number = int(min(_MOST_INPUTS, max(_FEWEST_INPUTS, _CALIBRATION_MACS / max(macs, 1))))
    return [network.draw(CALIBRATION_SEED + index) for index in range(number)]


def _quantise(model: Path, inputs: Sequence[Inputs], artifact: Path) -> None:
    """Write the quantised model. NNCF is imported only here, because that takes a second; its telemetry is disabled."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # NNCF then uses a stub
    import nncf
    import openvino

    nncf.set_log_level(logging.ERROR)
    data = nncf.Dataset([_arrays(one) for one in inputs])
    with contextlib.redirect_stdout(io.StringIO()):  # hides its progress bars
        quantised = nncf.quantize(
            openvino.Core().read_model(model), data, subset_size=len(inputs), advanced_parameters=advanced_parameters()
        )
    openvino.save_model(quantised, artifact, compress_to_fp16=False)


def advanced_parameters() -> Any:
    """Return NNCF's parameters with the two changes; ``bench/test_quantisation.py`` measures the effect of each."""
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
