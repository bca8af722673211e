"""Read values from JSON that was parsed before: the type of each is checked, and numbers must be finite.

All functions raise KeyError, TypeError, ValueError or OverflowError with the name of the invalid value.
The caller turns that into a sentence.
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
    """Return the string with a name."""
    return str(_checked(data, name, (str,), "a text"))


def read_whole(data: Mapping[str, Any], name: str) -> int:
    """Return the whole number with a name."""
    value = data[name]
    if isinstance(value, float) and value.is_integer():  # as some programs write whole numbers
        value = int(value)
    return int(_checked({name: value}, name, (int,), "a whole number"))


def read_flag(data: Mapping[str, Any], name: str) -> bool:
    """Return the boolean with a name."""
    return bool(_checked(data, name, (bool,), "true or false"))


def read_object(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the object with a name."""
    return dict(_checked(data, name, (dict,), "an object"))


def read_number(data: Mapping[str, Any], name: str) -> float:
    """Return the number with a name, which must be finite."""
    value = float(_checked(data, name, (int, float), "a number"))
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value} and must be finite")
    return value


def read_number_or_none(data: Mapping[str, Any], name: str) -> float | None:
    """Return the number with a name, which must be finite, or None for null."""
    return None if data[name] is None else read_number(data, name)


# How to read a field of a small record, by its annotation.
_READERS: dict[str, Callable[[Mapping[str, Any], str], Any]] = {
    "str": read_text,
    "int": read_whole,
    "bool": read_flag,
    "float": read_number,
    "float | None": read_number_or_none,
}


def read_dataclass(kind: type[T], data: Any, **given: Any) -> T:
    """Read a small record whose fields are plain values, except those in ``given``, which were read already."""
    if not isinstance(data, dict):
        raise TypeError(f"{kind.__name__.lower()} is not an object")
    read = dict(given)
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name in given or (field.name not in data and field.default is not MISSING):
            continue
        read[field.name] = _READERS[str(field.type)](data, field.name)
    return kind(**read)


def read_latencies(launches: Any) -> tuple[tuple[float, ...], ...]:
    """Return latencies in seconds, by launch and round; each must be above 0."""
    if not isinstance(launches, list):
        raise TypeError("samples are not a list")
    out = tuple(
        tuple(read_number({"samples": value}, "samples") for value in launch) if isinstance(launch, list) else ()
        for launch in launches
    )
    if not out or not all(launch and all(value > 0 for value in launch) for launch in out):
        raise ValueError("samples are empty or not latencies")
    return out
