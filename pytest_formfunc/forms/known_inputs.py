"""Inputs that a model file or a config declares, completed by sizes from the user. Importing this loads no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.input_specs import Call, InputSpec
from pytest_formfunc.units import format_shape


@dataclass(frozen=True)
class KnownInput:
    """One input as a file declares it.

    Attributes:
        name: name of the input.
        axes: a size for each fixed axis, a name for each open one; axes of the same name have the same size. None
            where even the number of axes is open.
        type: a key of `input_specs.TYPES`.
    """

    name: str
    axes: tuple[int | str, ...] | None
    type: str

    def __str__(self) -> str:
        """Return it for messages: ``input_ids (batchxsequence, i64)``."""
        axes = "any shape" if self.axes is None else "x".join(map(str, self.axes)) or "a single number"
        return f"{self.name} ({axes}, {self.type})"


def complete_call(known: Sequence[KnownInput], given: Call, what: str, *, named: bool = True) -> Call:
    """Complete the user's inputs with what the file declares.

    A size that was given for one input holds for every axis of the same name. Inputs without a name are matched in
    order.

    Args:
        known: all inputs, in the file's order.
        given: the user's inputs; may be empty.
        what: the model's name, for messages.
        named: whether the result's inputs have names (else they are positional).

    Raises:
        BadInput: the file does not have such an input or does not take its shape or type, or a size is missing.
    """
    by_name = _match(known, given, what)
    sizes: dict[str, int] = {}
    for one in known:
        spec = by_name.get(one.name)
        if spec is not None:
            _bind(one, spec, sizes, what)
    call = []
    for one in known:
        spec = by_name.get(one.name)
        shape = spec.shape if spec is not None else _shape(one, sizes)
        if shape is None:
            raise BadInput(
                f"{what} has inputs whose shape is open: {', '.join(map(str, known))}: give the sizes, e.g. "
                f"--formfunc-input {_example(known)}"
            )
        call.append(InputSpec(shape, one.name, one.type, spec.fill if spec is not None else "").completed())
    return tuple(call) if named else tuple(InputSpec(one.shape, "", one.type, one.fill) for one in call)


def _match(known: Sequence[KnownInput], given: Call, what: str) -> dict[str, InputSpec]:
    names = [one.name for one in known]
    by_name: dict[str, InputSpec] = {}
    for place, spec in enumerate(given):
        name = spec.name or (names[place] if place < len(names) else "")
        if name not in names:
            raise BadInput(f"{what} has no input {spec.name or str(spec)!r}: it has {', '.join(map(str, known))}")
        by_name[name] = spec
    return by_name


def _bind(one: KnownInput, spec: InputSpec, sizes: dict[str, int], what: str) -> None:
    """Record the sizes of an input's open axes in ``sizes``, and check the others."""
    if spec.type and spec.type != one.type:
        raise BadInput(f"input {one.name} of {what} is of type {one.type}, not {spec.type}")
    if one.axes is None:
        return
    fits = len(one.axes) == len(spec.shape) and all(
        axis == size or (isinstance(axis, str) and sizes.get(axis, size) == size)
        for axis, size in zip(one.axes, spec.shape, strict=True)
    )
    if not fits:
        bound = "x".join(str(sizes.get(axis, axis)) if isinstance(axis, str) else str(axis) for axis in one.axes)
        raise BadInput(f"{what} does not take {format_shape(spec.shape)} as {one.name}, which is {bound}")
    sizes |= {axis: size for axis, size in zip(one.axes, spec.shape, strict=True) if isinstance(axis, str)}


def _shape(one: KnownInput, sizes: dict[str, int]) -> tuple[int, ...] | None:
    if one.axes is None:
        return None
    shape = [sizes.get(axis, 0) if isinstance(axis, str) else axis for axis in one.axes]
    return tuple(shape) if all(shape) else None


def _example(known: Sequence[KnownInput]) -> str:
    """Return an example of what a user could write; each open axis gets a size once."""
    seen: set[str] = set()
    parts = []
    for one in known:
        open_axes = {axis for axis in one.axes or () if isinstance(axis, str)}
        if one.axes is None or open_axes - seen:
            usual = {0: 1}
            axes = one.axes or ("", "")
            sizes = [axis if isinstance(axis, int) else usual.get(place, 128) for place, axis in enumerate(axes)]
            parts.append(f"{one.name}={format_shape(tuple(sizes))}")
            seen |= open_axes
    return "+".join(parts)
