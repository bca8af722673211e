"""Name cases: a form with its input shape and batch. Nothing is built here."""

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
        id: the name that the user reads and types, such as ``residual_bottleneck-d8-w64``.
        form: ``{"kind": "pattern", "name": ..., "depth": ..., "width": ...}``; other kinds have no depth or width.
        source: the source that a worker builds the network from.
        input_shape: shape of the first input, batch first.
        seed: seed of weights and inputs.
        of_a_test: whether the model comes from a test's own code, so that only running the test can give it.
        calibration: file of the user's samples for quantisation, or an empty string.
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
        """Return the batch size, which is the first dimension of the input."""
        return self.input_shape[0]


def pattern_case(
    pattern: str, depth: int, width: int, input_shape: tuple[int, ...] = DEFAULT_INPUT, seed: int = 0
) -> Case:
    """Return a pattern's case; an input shape other than the default is part of its id.

    Raises:
        BadInput: the pattern cannot take the width, or the input shape is not N, C, H, W.
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
    """Return an architecture's case; by default the images have the size that the architecture is made for.

    Raises:
        BadInput: there is no architecture of that name, the input is not a batch of images with three channels, or the
            architecture cannot take images of that size.
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
    """Return the case of a user's model.

    Args:
        model: the model, as the user named it.
        call: its inputs, or None if the user gave none.
        seed: seed of weights and inputs.
        pretrained: whether to use trained weights if a library has them.
        calibration: file of samples for quantisation, or an empty string.

    Raises:
        BadInput: the content of a file does not match its ending, or the inputs do not fit the model or are incomplete.
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
    """Return the input shape of a call of a pattern or an architecture.

    Raises:
        BadInput: the call's inputs are anything but one batch of float32 images.
    """
    if len(call) != 1 or call[0].name or call[0].type not in ("", "f32") or call[0].fill not in ("", "random"):
        raise BadInput(f"patterns and architectures take one image, like 1x3x224x224, not {format_call(call)}")
    return call[0].shape


def _suffix(input_shape: tuple[int, ...]) -> str:
    return "" if input_shape == DEFAULT_INPUT else f"-{format_shape(input_shape)}"
