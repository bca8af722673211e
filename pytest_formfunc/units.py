"""Parse and format quantities: ratios, seconds, percents, shapes."""

from __future__ import annotations

import math
import re
from typing import Protocol

from pytest_formfunc.errors import BadInput


class Estimate(Protocol):
    """A value with an interval."""

    @property
    def value(self) -> float:
        """Return the point estimate."""

    @property
    def low(self) -> float:
        """Return the lower end."""

    @property
    def high(self) -> float:
        """Return the upper end."""


_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>us|ms|s|min|m|)")
_PERCENT = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*%")
_SHAPE = re.compile(r"\d+(x\d+)*")
_SECONDS_PER_UNIT = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0}


def parse_fraction(text: str | float, *, what: str, low: float = 0.0, high: float = 1.0) -> float:
    """Read ``10%`` or ``0.1`` as a fraction strictly between ``low`` and ``high``.

    Raises:
        BadInput: not a number, or out of range.

    >>> parse_fraction("7.5%", what="threshold")
    0.075
    """
    advice = f"write a percentage between {low:.0%} and {high:.0%}, like 10% or 2.5%"
    raw = str(text).strip()
    match = _PERCENT.fullmatch(raw)
    try:
        value = float(match["number"]) / 100 if match else float(raw)
    except ValueError:
        raise BadInput(f"{what} {raw!r} is not a percentage: {advice}") from None
    if not low < value < high:
        raise BadInput(f"{what} {raw!r} is out of range: {advice}")
    return value


def parse_seconds(text: str | float, *, what: str) -> float:
    """Read ``20s``, ``500ms``, ``2min`` or a bare number of seconds.

    Raises:
        BadInput: malformed, zero, or too large for a float.

    >>> parse_seconds("500ms", what="budget")
    0.5
    """
    match = _DURATION.fullmatch(str(text).strip())
    if not match or not 0 < float(match["number"]) * _SECONDS_PER_UNIT[match["unit"]] < math.inf:
        raise BadInput(f"{what} {str(text)!r} is not a duration: write a positive time like 20s, 500ms or 2min")
    return float(match["number"]) * _SECONDS_PER_UNIT[match["unit"]]


def parse_positive_int(text: str | int, *, what: str) -> int:
    """Read a whole number of at least 1.

    Raises:
        BadInput: not a whole number, or less than 1.
    """
    raw = str(text).strip()
    try:
        value = int(raw)
    except ValueError:
        raise BadInput(f"{what} {raw!r} is not a whole number: give one of at least 1") from None
    if value < 1:
        raise BadInput(f"{what} {raw!r} is too small: give a whole number of at least 1")
    return value


def parse_shape(text: str, *, what: str = "input shape") -> tuple[int, ...]:
    """Read a shape like ``1x3x224x224``.

    Raises:
        BadInput: malformed, or a dimension of 0.

    >>> parse_shape("1x3x32x32")
    (1, 3, 32, 32)
    """
    raw = str(text).strip()
    if not _SHAPE.fullmatch(raw) or ((dims := tuple(int(part) for part in raw.split("x"))) and 0 in dims):
        raise BadInput(f"{what} {raw!r} is malformed: write positive sizes joined by x, like 1x3x224x224")
    return dims


def format_shape(shape: tuple[int, ...]) -> str:
    """Write a shape in the form that `parse_shape` reads: ``1x3x224x224``."""
    return "x".join(str(size) for size in shape)


def format_ratio(value: float) -> str:
    """Write a speedup with three significant figures and an ``x``; never as a percentage.

    >>> format_ratio(3.8123), format_ratio(12.34)
    ('3.81x', '12.3x')
    """
    if not math.isfinite(value):
        return "?x"
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{decimals}f}x"


def format_ms(seconds: float) -> str:
    """Write a latency in milliseconds with three significant figures.

    >>> format_ms(0.0123456), format_ms(0.000123)
    ('12.3', '0.123')
    """
    ms = seconds * 1e3
    decimals = 3 if ms < 0.9995 else 2 if ms < 9.995 else 1 if ms < 99.95 else 0
    return f"{ms:.{decimals}f}"


def format_bytes(count: float) -> str:
    """Write a size in MB (10^6 bytes)."""
    return f"{count / 1e6:.0f} MB"


def format_estimate(estimate: Estimate) -> str:
    """Write a ratio with its interval: ``3.81x (3.70 to 3.92)``; an unknown end is a question mark."""
    low, high = (format_ratio(end).removesuffix("x") for end in (estimate.low, estimate.high))
    return f"{format_ratio(estimate.value)} ({low} to {high})"


def format_claim(speedup: Estimate) -> str:
    """Write a measured speedup, or a dash where it has no interval because there was only one launch."""
    return format_estimate(speedup) if math.isfinite(speedup.high) else "-"


def format_percent(fraction: float) -> str:
    """Write a fraction as a percentage.

    >>> format_percent(0.1), format_percent(0.025)
    ('10%', '2.5%')
    """
    return f"{100 * fraction:.4g}%"
