"""Names only: forms, cases, and the matrix of patterns, depths and widths in a stable order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pytest_formfunc.errors import BadInput
from pytest_formfunc.forms.architectures import architecture_entry
from pytest_formfunc.forms.input_specs import Call, format_call, image
from pytest_formfunc.forms.patterns import check_width
from pytest_formfunc.forms.sources import ArchitectureSource, PatternSource, Source
from pytest_formfunc.forms.stem import check_input_shape
from pytest_formfunc.forms.users import UserModel, shape_of, source_of
from pytest_formfunc.units import format_shape

DEFAULT_INPUT = (1, 3, 224, 224)


@dataclass(frozen=True)
class Case:
    """A form with its input shape and batch.

    Attributes:
        id: what the user reads and types, ``residual_bottleneck-d8-w64``.
        form: ``{"kind": "pattern", "name": ..., "depth": ..., "width": ...}``; other kinds have no sizes.
        source: how a worker builds it.
        input_shape: of the first input, batch first.
        seed: of weights and inputs.
        of_a_test: whether a test's own code gives the model, so that only running that test tells which one it is.
        calibration: file of the samples that the user brought for quantisation; empty where there are none.
    """

    id: str
    form: dict[str, Any] = field(compare=False, hash=False)
    source: Source = field(hash=False)
    input_shape: tuple[int, ...]
    seed: int
    of_a_test: bool = False
    calibration: str = ""

    @property
    def batch(self) -> int:
        """Return the first dimension of the input."""
        return self.input_shape[0]


def pattern_case(
    pattern: str, depth: int, width: int, input_shape: tuple[int, ...] = DEFAULT_INPUT, seed: int = 0
) -> Case:
    """Name a pattern's case; an input other than the default one is part of the id.

    Raises:
        BadInput: a width that the pattern cannot take, or an input that is not N, C, H, W.
    """
    check_width(pattern, width)
    check_input_shape(input_shape)
    source = PatternSource(pattern, depth, width, input_shape, seed)
    return Case(
        id=f"{pattern}-d{depth}-w{width}{_suffix(input_shape)}",
        form={"kind": "pattern", "name": pattern, "depth": depth, "width": width},
        source=source,
        input_shape=input_shape,
        seed=seed,
    )


def architecture_case(name: str, input_shape: tuple[int, ...] = DEFAULT_INPUT, seed: int = 0) -> Case:
    """Name an architecture's case; the default input is the image that the architecture is made for.

    Raises:
        BadInput: there is none of that name, or the input is no batch of images with three channels, or of a size that
            it cannot take.
    """
    entry = architecture_entry(name)
    shape = entry.input_shape if input_shape == DEFAULT_INPUT else input_shape
    if len(shape) != 4 or shape[1] != 3:
        raise BadInput(f"architecture {name!r} takes images as batch x 3 x height x width, not {format_shape(shape)}")
    if entry.fixed and shape[2:] != entry.input_shape[2:]:
        raise BadInput(
            f"architecture {name!r} takes images of {entry.side}x{entry.side} only, not {format_shape(shape)}"
        )
    return Case(
        id=f"{name}{_suffix(input_shape)}",
        form={"kind": "architecture", "name": name},
        source=ArchitectureSource(name, shape, seed),
        input_shape=shape,
        seed=seed,
    )


def model_case(
    model: UserModel, call: Call | None, seed: int = 0, *, pretrained: bool = False, calibration: str = ""
) -> Case:
    """Name the case of a user's model.

    Args:
        model: as the user named it.
        call: what it is called with, or None where the user did not say.
        seed: of weights and inputs.
        pretrained: whether trained weights are wanted where a library has them.
        calibration: file of samples for quantisation, or nothing.

    Raises:
        BadInput: a file that is not what its ending says, or a call that does not fit or is not complete.
    """
    default = image(DEFAULT_INPUT)
    source = source_of(model, call, default, seed, pretrained)
    suffix = "" if call in (None, default) else f"-{format_call(call or ())}"
    return Case(
        id=f"{model.text}{suffix}",
        form={"kind": "model", "name": model.text},
        source=source,
        input_shape=shape_of(source, default),
        seed=seed,
        calibration=calibration,
    )


def image_shape(call: Call) -> tuple[int, ...]:
    """Return the shape of a call that patterns and architectures take.

    Raises:
        BadInput: it is none of one image in float32.
    """
    if len(call) != 1 or call[0].name or call[0].type not in ("", "f32") or call[0].fill not in ("", "random"):
        raise BadInput(f"patterns and architectures take one image, like 1x3x224x224, not {format_call(call)}")
    return call[0].shape


def _suffix(input_shape: tuple[int, ...]) -> str:
    return "" if input_shape == DEFAULT_INPUT else f"-{format_shape(input_shape)}"
