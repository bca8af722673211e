"""The inputs of one participant in its worker: as they were given, and fresh where calls overwrite them.

Native is checked before anything is compared with it: two calls on copies of one input must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_formfunc.backends.arrays import copied, to_array
from pytest_formfunc.errors import MeasurementError, one_line
from pytest_formfunc.parity import ANOTHER_INPUT, EPSILON, GIVE_OTHERS, ROUNDINGS

if TYPE_CHECKING:
    from pytest_formfunc.backends.base import Engine
    from pytest_formfunc.forms.built import Inputs

Arrays = tuple[np.ndarray[Any, Any], ...]

# Two calls of native on one input may differ by rounding: reductions on several threads add in any order.
_SAME = 1e-4  # RMS of the difference / largest value of the output, at least; more where native's precision is half


class GivenInputs:
    """Sets an engine's inputs, and keeps what they were.

    Attributes:
        overwritten: whether a call changes the arrays that it is given.
    """

    def __init__(self, engine: Engine, calls: Sequence[Inputs]) -> None:
        """Take copies of the tensors of some calls, the first of which is the one that is timed.

        Native's have the strides that the user gave; an engine that needs contiguous arrays gets such copies, which are
        made here and are in no latency.
        """
        self._engine = engine
        contiguous = not engine.takes_strides
        self._given = [tuple(copied(to_array(one), contiguous=contiguous) for one in call.tensors) for call in calls]
        self.overwritten = self._on_device = False
        self.set(0)

    def set(self, index: int) -> None:
        """Give the engine a fresh copy of an input."""
        self._now: Arrays = tuple(array.copy(order="K") for array in self._given[index])
        self._index = index
        self._engine.set_inputs(self._now)

    def note_overwritten(self) -> None:
        """After a call: note whether it has changed its inputs."""
        held = self._engine.held_inputs()
        self._on_device = held is not None
        pairs = zip(self._now if held is None else held, self._given[self._index], strict=True)
        self.overwritten = self.overwritten or not all(_same_bits(now, given) for now, given in pairs)

    def refresh(self) -> None:
        """Write the input's values into the arrays that the engine reads, as before any call."""
        for now, given in zip(self._now, self._given[self._index], strict=True):
            np.copyto(now, given)
        if self._on_device:
            self._engine.set_inputs(self._now)

    def timer(self, time_call: Callable[[], int]) -> Callable[[], int]:
        """Return a function that times a call on a fresh input; refreshing it is not timed."""
        if not self.overwritten:
            return time_call

        def fresh_call() -> int:
            self.refresh()
            return time_call()

        return fresh_call

    def on_device(self) -> dict[str, float]:
        """Return what the engine tells of its device beside latencies; nothing more is timed after this."""
        return self._engine.on_device(self._now)

    def outputs(self) -> list[list[np.ndarray[Any, Any]]]:
        """Return the outputs for each of the inputs, and set the first one again."""
        found = []
        for index in range(len(self._given)):
            self.set(index)
            try:
                found.append(self._engine.outputs())
            except Exception as error:  # the user's code, or an engine's
                if index == 0:
                    raise
                raise MeasurementError(
                    f"it raises {one_line(error)} for {ANOTHER_INPUT}, and not for the example: {GIVE_OTHERS}"
                ) from error
        self.set(0)
        return found

    def outputs_after_rounding(self) -> list[np.ndarray[Any, Any]]:
        """Return the outputs for the first input with each of its floats moved to a neighbour; none where it has none.

        How far they are from the others shows how much the network amplifies rounding.
        """
        if not any(np.issubdtype(array.dtype, np.floating) for array in self._given[0]):
            return []
        self.set(0)
        rng = np.random.default_rng(0)
        for array in self._now:
            if np.issubdtype(array.dtype, np.floating):
                up = rng.random(array.shape) < 0.5
                moved = np.where(up, np.nextafter(array, np.inf), np.nextafter(array, -np.inf))
                np.copyto(array, np.where(np.isfinite(array) & (array != 0), moved, array), casting="same_kind")
        self._engine.set_inputs(self._now)
        found = self._engine.outputs()
        self.set(0)
        return found

    def check_repeatable(self) -> None:
        """Check that two calls on copies of the first input agree.

        Raises:
            MeasurementError: they do not; the message names a buffer that calls change.
        """
        before = self._engine.state()
        answers = []
        for _ in range(2):
            self.set(0)
            answers.append(self._engine.outputs())
        after = self._engine.state()
        self.set(0)
        coarsest = max(EPSILON.get(one, 0.0) for one in (self._engine.precision, self._engine.rounded_to))
        if all(_agree(one, other, max(_SAME, ROUNDINGS * coarsest)) for one, other in zip(*answers, strict=True)):
            return
        changed = sorted(name for name, value in after.items() if not _same_bits(value, before.get(name, value)))
        why = (
            f"its buffer {changed[0]!r} changes from call to call"
            if changed
            else "it is random, or it keeps something from call to call"
        )
        raise MeasurementError(
            f"native answers differently each time: two calls on copies of one input do not agree, because {why}, so "
            "there is nothing that an engine could be compared with"
        )


def _same_bits(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    return one.shape == other.shape and one.tobytes() == other.tobytes()


def _agree(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any], same: float) -> bool:
    """Return whether two outputs are the same but for rounding."""
    if one.shape != other.shape:
        return False
    if not np.issubdtype(one.dtype, np.inexact):
        return bool(np.mean(one != other) <= 0.01) if one.size else True
    finite = np.isfinite(one)
    if not np.array_equal(finite, np.isfinite(other)):
        return False
    differences = np.abs(one[finite] - other[finite])
    size = float(np.abs(one[finite]).max()) if finite.any() else 0.0
    return not differences.size or float(np.sqrt(np.mean(differences.astype(np.float64) ** 2))) <= same * size
