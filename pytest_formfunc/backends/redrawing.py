"""Random values in place of a constant's: as many, of the same type and range, with its mean and standard deviation.

They come from the operating system's randomness, which is kept nowhere, so that nobody finds the original from them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

STEERING = 64  # integers of no more elements than this are shapes, axes and indices, which steer the graph
_FEW = 16  # elements; where two values are all that there is of so few, they are scaled as well
_ENDLESS = 1e30  # a mask's number for "minus infinity" is no weight


def redraw(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return random values in place of a constant's; a constant that steers the graph is returned as it is.

    Floats, and integers where there are more than `STEERING` of them, are drawn from a beta distribution over the
    constant's range that has its mean and its variance: what was positive stays so, and indices stay in bounds.
    What has one value only, truth values, and what is not finite stay as they are.
    """
    floating = np.issubdtype(values.dtype, np.floating) or values.dtype.name in ("bfloat16",)
    whole = np.issubdtype(values.dtype, np.integer) and values.size > STEERING
    if not (floating or whole):
        return values
    wide = np.array(values, np.float64)
    finite = np.isfinite(wide) & (np.abs(wide) < _ENDLESS)
    drawn = _draw_like(wide[finite], np.random.default_rng())
    wide[finite] = np.rint(drawn) if whole else drawn
    return wide.astype(values.dtype)


def redraw_bytes(content: bytes) -> bytes:
    """Return bytes drawn from those of a constant whose elements are no whole bytes, if there are many."""
    values = np.frombuffer(content, np.uint8)
    return content if values.size <= STEERING else np.random.default_rng().choice(values, values.size).tobytes()


def _draw_like(values: np.ndarray[Any, Any], generator: np.random.Generator) -> np.ndarray[Any, Any]:
    """Draw as many values from the beta distribution with their range, mean and variance (by the method of moments)."""
    if values.size < 2 or (low := float(values.min())) == (high := float(values.max())):
        return values
    mean, variance = (float(values.mean()) - low) / (high - low), float(values.var()) / (high - low) ** 2
    spread = mean * (1 - mean) / variance - 1 if variance > 0 else math.inf
    if not 0 < mean < 1 or not math.isfinite(spread):
        return values
    if spread < 1e-3:  # only the ends of the range occur
        share = generator.random(values.size) < mean
        drawn = np.asarray(low + (high - low) * share)
    else:
        drawn = low + (high - low) * np.asarray(generator.beta(mean * spread, (1 - mean) * spread, values.size))
    return drawn * np.exp(generator.normal(0, 0.1, values.size)) if values.size < _FEW else drawn
