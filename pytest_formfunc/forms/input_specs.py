"""The arguments of a call as the user writes them: names, shapes, types, fills. Importing this loads no torch.

A call is one or more inputs joined by ``+``; each is ``[name=]SHAPE[:TYPE][:FILL]``, as in
``input_ids=1x128:i64+attention_mask=1x128:i64:ones``. Several calls, joined by commas, are cases of their own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_formfunc.errors import BadInput
from pytest_formfunc.units import format_shape, parse_shape

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_formfunc.forms.built import Inputs

TYPES = {
    "f32": "float32",
    "f16": "float16",
    "bf16": "bfloat16",
    "i64": "int64",
    "i32": "int32",
    "bool": "bool",
    "u8": "uint8",
    "f64": "float64",
    "i8": "int8",
}
"""Types as the user writes them, with torch's names."""
FILLS = ("random", "ones", "zeros", "range")
USUAL_FILLS = {
    "attention_mask": "ones",
    "decoder_attention_mask": "ones",
    "token_type_ids": "zeros",
    "position_ids": "range",
}
"""Default fills of inputs with these names: all tokens are attended to, in one segment, in order."""

_NAME = re.compile(r"\w[\w.:/-]*")


@dataclass(frozen=True)
class InputSpec:
    """One argument.

    Attributes:
        shape: batch first.
        name: name of a named argument; empty for a positional one.
        type: a key of `TYPES`; empty if not given.
        fill: one of `FILLS`; empty if not given.
    """

    shape: tuple[int, ...]
    name: str = ""
    type: str = ""
    fill: str = ""

    def __str__(self) -> str:
        """Return it as the user would write it."""
        start = f"{self.name}=" if self.name else ""
        return start + ":".join(part for part in (format_shape(self.shape), self.type, self.fill) if part)

    def completed(self) -> InputSpec:
        """Return it with defaults filled in: float32, and the usual fill for its name."""
        fill = self.fill or USUAL_FILLS.get(self.name, "random")
        return replace(self, type=self.type or "f32", fill=fill)


Call = tuple[InputSpec, ...]


def image(shape: tuple[int, ...]) -> Call:
    """Return the call of one positional float32 input."""
    return (InputSpec(shape),)


def format_call(call: Call) -> str:
    """Write a call in the form that `parse_calls` reads."""
    return "+".join(map(str, call))


def parse_calls(text: str) -> tuple[Call, ...]:
    """Read one or more calls; repeats are dropped.

    Raises:
        BadInput: the text is malformed; the message quotes the part that is.

    >>> [format_call(call) for call in parse_calls("1x3x8x8, ids=1x4:i64+mask=1x4:i64:ones")]
    ['1x3x8x8', 'ids=1x4:i64+mask=1x4:i64:ones']
    """
    calls = tuple(dict.fromkeys(_parse_call(part.strip()) for part in text.split(",")))
    if not calls:
        raise BadInput("no input is given: write positive sizes joined by x, like 1x3x224x224")
    return calls


def _parse_call(text: str) -> Call:
    call = tuple(_parse_input(part.strip()) for part in text.split("+"))
    names = [one.name for one in call if one.name]
    if len(set(names)) < len(names):
        raise BadInput(f"input {text!r} names an input twice")
    if [bool(one.name) for one in call] != sorted(bool(one.name) for one in call):
        raise BadInput(f"input {text!r} is malformed: inputs without a name come before those with one")
    return call


def _parse_input(text: str) -> InputSpec:
    name, equals, rest = text.rpartition("=")
    if equals and not _NAME.fullmatch(name):
        raise BadInput(f"input {text!r} is malformed: {name!r} is not a name of an input")
    shape, *words = rest.split(":")
    given = {"type": "", "fill": ""}
    for word in words:
        kind = "type" if word in TYPES else "fill" if word in FILLS else ""
        if not kind or given[kind]:
            raise BadInput(
                f"input {text!r} is malformed: after the shape come a type ({', '.join(TYPES)}) and a fill "
                f"({', '.join(FILLS)}), each once"
            )
        given[kind] = word
    return InputSpec(parse_shape(shape), name, **given)


def make_inputs(call: Sequence[InputSpec], seed: int) -> Inputs:
    """Make the tensors of a call; random ones depend on the seed and on their position in the call."""
    from pytest_formfunc.forms.built import Inputs

    tensors = [(one.name, _make_tensor(one.completed(), seed + 1000 * place)) for place, one in enumerate(call)]
    return Inputs(
        tuple(tensor for name, tensor in tensors if not name), {name: tensor for name, tensor in tensors if name}
    )


def _make_tensor(spec: InputSpec, seed: int) -> Tensor:
    import torch

    from pytest_formfunc.forms.inputs import seeded_input

    dtype: Any = getattr(torch, TYPES[spec.type])
    if spec.fill == "ones":
        return torch.ones(spec.shape, dtype=dtype)
    if spec.fill == "zeros":
        return torch.zeros(spec.shape, dtype=dtype)
    if spec.fill == "range":  # counts along the last axis and repeats along the others
        return torch.arange(spec.shape[-1]).expand(spec.shape).to(dtype).contiguous()
    return seeded_input(spec.shape, dtype, seed)
