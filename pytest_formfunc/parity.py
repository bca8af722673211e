"""Check that accelerated outputs match native ones; otherwise no speedup is reported.

Two seeded inputs go through every engine. The native outputs must be finite and must differ between the
inputs (else any engine would "agree"); the accelerated ones must match them within their precision's
tolerance. SQNR is the signal-to-quantisation-noise ratio, 10 log10(signal power / error power); the signal
is the output's spread about its mean, so that a large constant cannot hide an error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.records.parts import Parity

# Outputs for two inputs that differ by less than this, relative to their size, are taken not to depend on the input.
MIN_DEPENDENCE = 1e-6

Outputs = list[NDArray[np.float64]]


class ParityError(MeasurementError):
    """An engine's output cannot be trusted; the message says why."""


def sqnr_db(reference: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the SQNR in dB of an array against a reference of the same shape; infinite where they are equal."""
    return _decibel(float(reference.std()), _rms(other - reference))


def read_outputs(files: Sequence[str]) -> list[Outputs]:
    """Read one list of arrays for each seeded input."""
    read = []
    for file in files:
        with np.load(Path(file)) as archive:
            read.append([np.asarray(archive[name], dtype=np.float64) for name in archive.files])
    return read


def check_native(outputs: Sequence[Outputs], what: str) -> None:
    """Check that native outputs are finite and depend on the input.

    Raises:
        ParityError: no outputs, NaN or infinity, or the same outputs for different inputs.
    """
    if not outputs or not outputs[0]:
        raise ParityError(f"{what} returns no tensor, so there is nothing to compare")
    _check_finite(outputs, what)
    first, second = (np.concatenate([array.ravel() for array in one]) for one in outputs[:2])
    if first.shape != second.shape:
        return  # the size depends on the input, and so does the output
    moved, size = _rms(first - second), max(_rms(first), _rms(second))
    if moved <= MIN_DEPENDENCE * size or size == 0:
        raise ParityError(
            f"{what} ignores its input: two different inputs give the same output to {MIN_DEPENDENCE:g}, "
            "so agreement between engines would prove nothing"
        )


def check_parity(
    native: Sequence[Outputs], accelerated: Sequence[Outputs], precision: str, min_sqnr_db: float, what: str
) -> Parity:
    """Compare an engine's outputs with native's.

    Raises:
        ParityError: another number or shape of outputs, NaN or infinity, or an error beyond the precision's
            tolerance.
    """
    shapes = [[array.shape for array in one] for one in native]
    other_shapes = [[array.shape for array in one] for one in accelerated]
    if shapes != other_shapes:
        raise ParityError(f"{what} disagrees with native: output shapes {other_shapes[0]} instead of {shapes[0]}")
    _check_finite(accelerated, what)
    worst, first = Parity(ok=True, max_abs_error=0.0, sqnr_db=math.inf, output_std=0.0), True
    for index in range(len(native[0])):
        # Flattened, because the size of an output may depend on the input.
        reference = np.concatenate([one[index].ravel() for one in native])
        error = np.concatenate([one[index].ravel() for one in accelerated]) - reference
        if not reference.size:
            continue
        spread = float(reference.std())
        sqnr_db = _decibel(spread, _rms(error))
        if first or sqnr_db < worst.sqnr_db:
            first = False
            worst = Parity(sqnr_db >= min_sqnr_db, float(np.abs(error).max()), sqnr_db, spread)
    if not worst.ok:
        raise ParityError(
            f"{what} disagrees with native: SQNR {worst.sqnr_db:.0f} dB, at least {min_sqnr_db:.0f} dB "
            f"required for {precision} (largest error {worst.max_abs_error:.3g}, standard deviation of the outputs "
            f"{worst.output_std:.3g})"
        )
    return worst


def _check_finite(outputs: Sequence[Outputs], what: str) -> None:
    for one in outputs:
        for array in one:
            bad = int(array.size - np.isfinite(array).sum())
            if bad:
                raise ParityError(f"{what} returns NaN or infinity ({bad} of {array.size} values)")


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0


def _decibel(signal: float, noise: float) -> float:
    if noise == 0.0:
        return math.inf
    return 20 * math.log10(signal / noise) if signal > 0 else -math.inf
