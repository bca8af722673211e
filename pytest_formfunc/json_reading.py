"""Read JSON at the border: each value is checked for its type, each figure for being finite.

All of these raise KeyError, TypeError or ValueError with the name of what is wrong; the caller makes a sentence of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

T = TypeVar("T")


def _checked(data: Mapping[str, Any], name: str, kinds: tuple[type, ...], words: str) -> Any:
    value = data[name]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise TypeError(f"{name} is {value!r} and must be {words}")
    return value


def read_text(data: Mapping[str, Any], name: str) -> str:
    """Return a text."""
    return str(_checked(data, name, (str,), "a text"))


def read_whole(data: Mapping[str, Any], name: str) -> int:
    """Return a whole number."""
    return int(_checked(data, name, (int,), "a whole number"))


def read_flag(data: Mapping[str, Any], name: str) -> bool:
    """Return true or false."""
    return bool(_checked(data, name, (bool,), "true or false"))


def read_object(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object."""
    return dict(_checked(data, name, (dict,), "an object"))


def read_number(data: Mapping[str, Any], name: str) -> float:
    """Return a finite number."""
    value = float(_checked(data, name, (int, float), "a number"))
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value} and must be finite")
    return value


def read_number_or_none(data: Mapping[str, Any], name: str) -> float | None:
    """Return a finite number, or None for null."""
    return None if data[name] is None else read_number(data, name)


# How the fields of the small records are annotated, and how each is read.
_READERS: dict[str, Callable[[Mapping[str, Any], str], Any]] = {
    "str": read_text,
    "int": read_whole,
    "bool": read_flag,
    "float": read_number,
    "float | None": read_number_or_none,
}


def read_dataclass(kind: type[T], data: Any, **given: Any) -> T:
    """Read a small record whose fields are plain values; ``given`` are those that were read otherwise."""
    if not isinstance(data, dict):
        raise TypeError(f"{kind.__name__.lower()} is no object")
    read = dict(given)
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name in given or (field.name not in data and field.default is not MISSING):
            continue
        read[field.name] = _READERS[str(field.type)](data, field.name)
    return kind(**read)


def read_latencies(launches: Any) -> tuple[tuple[float, ...], ...]:
    """Return seconds by launch and round, each above 0."""
    if not isinstance(launches, list):
        raise TypeError("samples are no list")
    out = tuple(
        tuple(read_number({"samples": value}, "samples") for value in launch) if isinstance(launch, list) else ()
        for launch in launches
    )
    if not out or not all(launch and all(value > 0 for value in launch) for launch in out):
        raise ValueError("samples that are empty or no latencies")
    return out
