"""Check that accelerated outputs match native ones; otherwise no speedup is reported.

Several inputs go through every engine (`INPUTS` of them in the first launch). Each output is judged by itself, in three
ways, because an engine can lose what matters in an output that looks right on the whole:

- *as a whole*: the error over all inputs, against the spread of native's values;
- *what moves*: the error of the part that changes from input to input, against that part of native's. A large constant
  (an anchor, a bias) would hide that an engine has lost the image;
- *the worst channel*: the error of each channel against that channel's spread, for outputs of several positions.

SQNR is the signal-to-quantisation-noise ratio, 20 log10(spread of the signal / RMS of the error), in dB. An error that
rounding in native's own precision explains is none: native itself would differ by as much if it added in another order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.records.parts import Parity

INPUTS = 4  # inputs of the first launch
LATER_INPUTS = 2  # of each further one, which runs the same artifact
# Outputs for two inputs that differ by less than this, relative to their size, are taken not to depend on the input.
MIN_DEPENDENCE = 1e-6
# Rounding errors of native's own precision that may add up, as a multiple of the largest output's size.
ROUNDINGS = 4
EPSILON = {"f64": 2.0**-52, "f32": 2.0**-23, "f16": 2.0**-10, "bf16": 2.0**-7}
# Where native's output changes by this share of an engine's error as its input changes by one rounding, the network
# amplifies rounding: an engine rounds at every operator, and not only once.
MOST_AMPLIFIED = 100.0
MOST_TIMES_EXPORT = 3.0  # an engine's error may be so many times what its program was wrong by already
# A channel is judged if it has at least so many values, and matters if it spreads by at least this share of its output.
CHANNEL_VALUES = 64
CHANNEL_SHARE = 0.2
CHANNEL_LESS_DB = 14.0  # a single channel may be worse than the whole by this much: a factor of five
CHANNEL_LEAST_DB = 6.0  # but half of what it says must be left
# Integers and truth values are indices and decisions: where two candidates tie to rounding, engines may choose either.
MOST_TIES = {"f64": 0.0, "f32": 0.01}
MOST_TIES_BELOW_F32 = 0.1

ANOTHER_INPUT = "an input that we drew like the example, or that was given as one of others"
GIVE_OTHERS = "where the network does not take what we draw, give inputs that it takes (others=[...])"

Array = NDArray[Any]
Outputs = list[Array]


class ParityError(MeasurementError):
    """An engine's output cannot be trusted; the message says why.

    Attributes:
        error: RMS of the error; 0 where it is of another kind.
    """

    def __init__(self, text: str, error: float = 0.0) -> None:
        super().__init__(text)
        self.error = error


@dataclass(frozen=True)
class _Found:
    """How one part of one output compares.

    Attributes:
        db: its SQNR.
        least_db: what is required of it.
        of: names it in a sentence.
        error: RMS of the error.
        signal: spread of native's values.
    """

    db: float
    least_db: float
    of: str
    error: float
    signal: float

    @property
    def lacks_db(self) -> float:
        return self.least_db - self.db


def sqnr_db(reference: Array, other: Array) -> float:
    """Return the SQNR in dB of an array against a reference of the same shape; infinite where they are equal."""
    return _decibel(float(reference.std()), _rms(other - reference))


def read_outputs(files: Sequence[str]) -> list[Outputs]:
    """Read one list of arrays for each input: complex ones as complex128, other numbers as float64.

    Integers and truth values keep their type.
    """
    read = []
    for file in files:
        with np.load(Path(file)) as archive:
            read.append([_widened(archive[name]) for name in archive.files])
    return read


def check_native(outputs: Sequence[Outputs], what: str) -> None:
    """Check that native outputs are numbers and depend on the input.

    Infinities are allowed, because a mask of them is an output like any other; the engine must have the same ones.

    Raises:
        ParityError: no outputs, NaN, nothing finite, or the same outputs for different inputs.
    """
    if not outputs or not outputs[0]:
        raise ParityError(f"{what} returns no tensor, so there is nothing to compare")
    for number, one in enumerate(outputs):
        for array in one:
            if bad := int(np.isnan(array).sum()):
                where = f" for {ANOTHER_INPUT}, and none for the example: {GIVE_OTHERS}" if number else ""
                raise ParityError(f"{what} returns NaN ({bad} of {array.size} values){where}")
    if not any(np.isfinite(array).any() for one in outputs for array in one):
        raise ParityError(f"{what} returns no finite value, so there is nothing to compare")
    if not any(_moves([one[index] for one in outputs]) for index in range(len(outputs[0]))):
        raise ParityError(
            f"{what} ignores its input: it gives the same output, to {MIN_DEPENDENCE:g}, for {len(outputs)} different "
            "inputs, the example and others that we drew like it, so agreement between engines would prove nothing; "
            "give inputs that it tells apart (others=[...])"
        )


def check_parity(
    native: Sequence[Outputs],
    accelerated: Sequence[Outputs],
    precision: str,
    min_sqnr_db: float,
    what: str,
    names: Sequence[str] = (),
    native_precision: str = "f32",
    rounded_to: str = "",
) -> Parity:
    """Compare an engine's outputs with native's.

    Args:
        native: for each input, native's outputs.
        accelerated: for each input, the engine's.
        precision: the precision that the engine is compared in.
        min_sqnr_db: its tolerance for an output as a whole.
        what: names the engine in sentences.
        names: what native calls its outputs; numbers where it has no names.
        native_precision: the precision that native computes in, whose rounding is no error.
        rounded_to: the half precision that native rounds its outputs to; empty where it has none.

    Returns:
        The agreement of the worst output.

    Raises:
        ParityError: another number, shape or kind of outputs, NaN or infinity that native does not have, or an error
            beyond the precision's tolerance.
    """
    shapes = [[array.shape for array in one] for one in native]
    other_shapes = [[array.shape for array in one] for one in accelerated]
    if shapes != other_shapes:
        raise ParityError(f"{what} disagrees with native: output shapes {other_shapes[0]} instead of {shapes[0]}")
    rounding = max(ROUNDINGS * EPSILON.get(native_precision, EPSILON["f32"]), EPSILON.get(rounded_to, 0.0))
    worst: tuple[_Found, Parity] | None = None
    for index in range(len(native[0])):
        name = _name(index, names, len(native[0]))
        pairs = [(one[index], other[index]) for one, other in zip(native, accelerated, strict=True)]
        if not any(one.size for one, _ in pairs):
            continue
        if not np.issubdtype(pairs[0][0].dtype, np.inexact):
            _check_integers(pairs, precision, what, name)
            continue
        pairs = [_without_infinities(one, other, what, name) for one, other in pairs]
        found = _judge(pairs, min_sqnr_db, name, rounding)
        whole = found[0]
        reference = np.concatenate([one.ravel() for one, _ in pairs])
        largest = max(float(np.abs(other - one).max()) for one, other in pairs if one.size)
        least = min(found, key=lambda one: -one.lacks_db)
        parity = Parity(least.lacks_db <= 0, largest, whole.db, float(reference.std()))
        if worst is None or least.lacks_db > worst[0].lacks_db:
            worst = least, parity
    if worst is None:
        return Parity(ok=True, max_abs_error=0.0, sqnr_db=math.inf, output_std=0.0)
    found_worst, parity = worst
    if not parity.ok:
        raise ParityError(
            f"{what} disagrees with native{_in(found_worst.of)}: SQNR {found_worst.db:.0f} dB, at least "
            f"{found_worst.least_db:.0f} dB required for {precision} (RMS error {found_worst.error:.3g}, spread "
            f"{found_worst.signal:.3g})",
            found_worst.error,
        )
    return parity


def explain_disagreement(error: ParityError, native: Outputs, moved: Outputs, lost_in_export: float) -> ParityError:
    """Return an error that also says where no engine is to blame: its program was wrong, or the network is chaotic.

    Args:
        error: how an engine disagrees.
        native: native's outputs for an input.
        moved: native's outputs for the same input, each of whose numbers was moved to its neighbour; may be empty.
        lost_in_export: RMS by which the exported program differs from the module where PyTorch runs both.
    """
    if 0 < error.error <= MOST_TIMES_EXPORT * lost_in_export:
        return ParityError(
            f"{error}; but the exported program that it was given differs from the module even where PyTorch runs both "
            f"(RMS {lost_in_export:.3g}): torch.export has lost something that the module does, such as writing to "
            ".data or to attributes, and the engine is not to blame",
            error.error,
        )
    changes = [_rms(other - one) for one, other in zip(native, moved, strict=False) if one.shape == other.shape]
    change = max((one for one in changes if math.isfinite(one)), default=0.0)
    if 0 < error.error <= MOST_AMPLIFIED * change:
        return ParityError(
            f"{error}; but native's own output changes by {change:.3g} (RMS) where its input changes by one rounding: "
            "the network amplifies rounding, which is not the engine's fault, and engines cannot be compared by it: "
            "give it inputs for which it is stable, or float64",
            error.error,
        )
    return error


def _judge(pairs: Sequence[tuple[Array, Array]], least_db: float, name: str, share: float) -> list[_Found]:
    """Return how an output compares: as a whole first, then what moves, then the worst channel.

    An error that is no larger than a share of the output's size is rounding.
    """
    reference = np.concatenate([one.ravel() for one, _ in pairs])
    error = np.concatenate([(other - one).ravel() for one, other in pairs])
    rounding = share * _rms(reference)
    spread = float(reference.std())
    found = [_found(spread, _rms(error), rounding, least_db, name)]
    if len({one.shape for one, _ in pairs}) == 1 and len(pairs) > 1:
        ours, theirs = (np.stack([pair[side] for pair in pairs]) for side in (0, 1))
        moving, moved = ours - ours.mean(0), theirs - theirs.mean(0)
        if _rms(moving) > max(rounding, MIN_DEPENDENCE * _rms(ours)):
            part = f"what changes from input to input{_in(name)}"
            found.append(_found(_rms(moving), _rms(moved - moving), rounding, least_db, part))
    found += _worst_channel(pairs, least_db, name, rounding, spread)
    return found


def _worst_channel(
    pairs: Sequence[tuple[Array, Array]], least_db: float, name: str, rounding: float, spread: float
) -> list[_Found]:
    """Return how the worst channel (of axis 1) compares, in a list; nothing where there are none to judge."""
    first = pairs[0][0]
    channels = first.shape[1] if first.ndim >= 3 else 1
    if channels < 2 or any(one.ndim != first.ndim or one.shape[1] != channels for one, _ in pairs):
        return []
    ours, theirs = (
        np.concatenate([np.moveaxis(pair[side], 1, 0).reshape(channels, -1) for pair in pairs], axis=1)
        for side in (0, 1)
    )
    if ours.shape[1] < CHANNEL_VALUES:
        return []
    least_db = max(CHANNEL_LEAST_DB, least_db - CHANNEL_LESS_DB)
    signals = ours.std(axis=1)
    errors = np.sqrt(np.mean(np.abs(theirs - ours) ** 2, axis=1))
    found = [
        _found(float(signal), float(error), rounding, least_db, f"channel {number}{_of(name)}")
        for number, (signal, error) in enumerate(zip(signals, errors, strict=True))
        if signal >= CHANNEL_SHARE * spread
    ]
    return [max(found, key=lambda one: one.lacks_db)] if found else []


def _found(signal: float, error: float, rounding: float, least_db: float, of: str) -> _Found:
    return _Found(_decibel(signal, error), least_db if error > rounding else -math.inf, of, error, signal)


def _check_integers(pairs: Sequence[tuple[Array, Array]], precision: str, what: str, name: str) -> None:
    """Check integers and truth values: equal, but for a share that ties explain."""
    size = sum(one.size for one, _ in pairs)
    differ = sum(int((one != other).sum()) for one, other in pairs)
    if differ > MOST_TIES.get(precision, MOST_TIES_BELOW_F32) * size:
        raise ParityError(
            f"{what} disagrees with native{_in(name)}: {differ} of {size} integers differ, and at most "
            f"{MOST_TIES.get(precision, MOST_TIES_BELOW_F32):.0%} may in {precision}, where candidates tie"
        )


def _without_infinities(native: Array, other: Array, what: str, name: str) -> tuple[Array, Array]:
    """Return both arrays with zeros where both have the same infinity.

    Raises:
        ParityError: the engine has NaN, or other infinities than native.
    """
    bad = ~np.isfinite(other) & (other != native)
    if count := int(bad.sum()):
        raise ParityError(f"{what} returns NaN or infinity{_in(name)} ({count} of {other.size} values)")
    infinite = ~np.isfinite(native)
    if lost := int((infinite & np.isfinite(other)).sum()):
        raise ParityError(
            f"{what} disagrees with native{_in(name)}: {lost} of {other.size} values are finite where native's are not"
        )
    return (np.where(infinite, 0, native), np.where(infinite, 0, other)) if infinite.any() else (native, other)


def _moves(values: Sequence[Array]) -> bool:
    """Return whether an output depends on the input: between some two of its values."""
    if len({value.shape for value in values}) > 1:
        return True  # the size depends on the input, and so does the output
    finite = [np.where(np.isfinite(value), value, 0) for value in values]
    size = max(_rms(value) for value in finite)
    if size == 0:
        return not all(np.array_equal(value, values[0]) for value in values)  # infinities in other places
    return any(_rms(value - finite[0]) > MIN_DEPENDENCE * size for value in finite[1:])


def _name(index: int, names: Sequence[str], count: int) -> str:
    if index < len(names) and names[index]:
        return f"output {names[index]}"
    return "" if count == 1 else f"output {index + 1} of {count}"


def _in(name: str) -> str:
    """Return where in a sentence; nothing for the only output."""
    return f" in {name}" if name else ""


def _of(name: str) -> str:
    return f" of {name}" if name else ""


def _widened(array: Array) -> Array:
    if np.issubdtype(array.dtype, np.complexfloating):
        return array.astype(np.complex128)
    return array.astype(np.float64) if np.issubdtype(array.dtype, np.floating) else array


def _rms(values: Array) -> float:
    wide = values.astype(np.complex128 if np.iscomplexobj(values) else np.float64)
    return float(np.sqrt(np.mean(np.abs(wide) ** 2))) if values.size else 0.0


def _decibel(signal: float, noise: float) -> float:
    if noise == 0.0:
        return math.inf
    return 20 * math.log10(signal / noise) if signal > 0 else -math.inf
