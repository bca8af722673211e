"""How an engine's model is handed to somebody who has that engine and numpy alone: its files, and a script's parts.

An engine that can be handed on returns a `Reproduction` from `Engine.reproduction`. The functions at the end of this
file, and the engine's own, go into the script as they are written here: they may use numpy and the engine only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

Arrays = Sequence[np.ndarray[Any, Any]]
Redraw = Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]
Mask = Callable[[str], str]


@dataclass(frozen=True)
class Opened:
    """A model that somebody without PyTorch has opened.

    Attributes:
        call: computes one call.
        outputs: returns the outputs of the last call.
        batches: batches that one call computes.
    """

    call: Callable[[], Any]
    outputs: Callable[[], Arrays]
    batches: int = 1


@dataclass(frozen=True)
class Reproduction:
    """What an engine needs so that its model can be handed on.

    Attributes:
        library: the module and distribution that the script imports, such as ``openvino``.
        title: the engine's name in sentences.
        model: name of the file that the script opens.
        write: writes an artifact's files into a folder, without anything that says where it was made. Each name in it
            is replaced by what the first function returns of it, and, where there is a second, each constant of weights
            by what that returns of it.
        types: returns the type of each input of the written model, as numpy calls it.
        open: opens the model: folder and file, the settings, the inputs. It goes into the script.
        settings: what ``open`` sets, as plain values.
        weights: endings of files that hold weights as plain bytes and no text.
    """

    library: str
    title: str
    model: str
    write: Callable[[Path, Path, Mask, Redraw | None], None]
    types: Callable[[Path], list[str]]
    open: Callable[[str, dict[str, Any], Arrays], Opened]
    settings: dict[str, Any] = field(default_factory=dict)
    weights: tuple[str, ...] = (".bin", ".data")


def draw(one: dict[str, Any], generator: np.random.Generator) -> np.ndarray[Any, Any]:
    """Draw an input: its shape, its type, and numbers in the range that the network was measured with.

    Args:
        one: ``shape``, ``type``, and the ``low``, ``high``, ``mean`` and ``std`` of its values; ``sorted`` where they
            only rise, and ``counts`` where they count up along the last axis.
        generator: draws the numbers.
    """
    shape, kind = tuple(one["shape"]), one["type"]
    if one.get("counts"):
        return np.ascontiguousarray(np.broadcast_to(np.arange(shape[-1]) + int(one["low"]), shape).astype(kind))
    if kind == "bool":
        return np.asarray(generator.random(shape) < one["mean"])
    if kind.startswith(("int", "uint")):
        values = np.asarray(generator.integers(one["low"], one["high"], size=shape, endpoint=True))
        if one.get("sorted"):
            values = np.sort(values)
            values[:1] = one["low"]
        return np.ascontiguousarray(values.astype(kind))
    values = np.asarray(generator.normal(one["mean"], one["std"], shape)).clip(one["low"], one["high"])
    if kind == "bfloat16":  # numpy has no such type: its bits are the upper half of those of a float32
        return np.ascontiguousarray((values.astype("float32").view("uint32") >> 16).astype("uint16").view("int16"))
    return np.ascontiguousarray(values.astype(kind))


def time_calls(call: Callable[[], Any], seconds: float) -> list[float]:
    """Warm up, then return the seconds of each call, for that many seconds and at least ten calls."""
    end = time.perf_counter() + seconds / 4
    warm = 0
    while warm < 3 or time.perf_counter() < end:
        call()
        warm += 1
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while len(taken) < 10 or time.perf_counter() < end:
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return taken


def run_script(
    title: str,
    version: str,
    opened: Opened,
    seconds: float,
) -> None:
    """Time the calls of an opened model, and print what a script has found."""
    taken = [one / opened.batches for one in time_calls(opened.call, seconds)]
    outputs = opened.outputs()
    shapes = ", ".join("x".join(map(str, one.shape)) or "a scalar" for one in outputs)
    finite = all(bool(np.isfinite(one).all()) for one in outputs)
    print(f"{title} {version}")
    print(f"outputs: {shapes}; {'all finite' if finite else 'NOT all finite'}")
    print(f"median latency: {1e3 * median(taken):.4g} ms ({len(taken)} calls, fastest {1e3 * min(taken):.4g} ms)")
