"""Read values from JSON that was parsed before: the type of each is checked, and numbers must be finite.

All functions raise KeyError, TypeError, ValueError or OverflowError with the name of the invalid value.
The caller turns that into a sentence.
"""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from pytest_formfunc.paths import open_file

T = TypeVar("T")
MOST_BYTES = 2**29  # of a file that is read whole; a run of 10,000 rows has some 300 MB
_MOST_WHOLE = 2**63
_DEEPEST = 30  # lists and objects within each other
_REQUIRED = object()


def read_file(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no regular file, or too large to be one of ours.
    """
    with open_file(path) as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES // 2**20} MB")
    return content


def parse_json(text: str | bytes) -> Any:
    """Return what a text of JSON holds.

    Raises:
        ValueError: it is not JSON, or is nested too deeply to be read.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _checked(data: Mapping[str, Any], name: str, kinds: tuple[type, ...], words: str) -> Any:
    if not isinstance(data, Mapping):
        raise TypeError(f"what should have {name} is {reprlib.repr(data)} and must be an object")
    value = data[name]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise TypeError(f"{reprlib.repr(name)[1:-1]} is {reprlib.repr(value)} and must be {words}")
    return value


def read_text(data: Mapping[str, Any], name: str) -> str:
    """Return the string with a name."""
    return str(_checked(data, name, (str,), "a text"))


def read_whole(data: Mapping[str, Any], name: str) -> int:
    """Return the whole number with a name, which must fit into 64 bits."""
    value = _checked(data, name, (int, float), "a whole number")
    if isinstance(value, float) and value.is_integer():  # as some programs write whole numbers
        value = int(value)
    whole = int(_checked({name: value}, name, (int,), "a whole number"))
    if abs(whole) >= _MOST_WHOLE:
        raise ValueError(f"{name} is too large a number")
    return whole


def read_list(data: Mapping[str, Any], name: str, default: object = _REQUIRED) -> Sequence[Any]:
    """Return the list with a name, or the default where there is no such name."""
    if default is not _REQUIRED and name not in data:
        assert isinstance(default, Sequence)
        return default
    return list(_checked(data, name, (list,), "a list"))


def read_counts(data: Mapping[str, Any], name: str) -> dict[str, int]:
    """Return the object with a name, whose values are whole numbers of at least 0."""
    counts = read_object(data, name)
    found = {one: read_whole(counts, one) for one in counts}
    if any(value < 0 for value in found.values()):
        raise ValueError(f"{name} has a number below 0")
    return found


def read_plain(value: Any, depth: int = 0) -> Any:
    """Return a value that may be anything of JSON, as long as its numbers are finite and it is not nested deeply."""
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    if isinstance(value, dict):
        return {key: read_plain(one, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [read_plain(one, depth + 1) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"it has a number that is {value}")
    if isinstance(value, int) and abs(value) >= _MOST_WHOLE:
        raise ValueError("it has a number that is too large")
    return value


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
    """Return latencies in seconds, by launch and round; each must be above 0 and below 30 years."""
    if not isinstance(launches, list):
        raise TypeError("samples are not a list")
    out = tuple(
        tuple(read_latency({"a latency of samples": value}, "a latency of samples") for value in launch)
        if isinstance(launch, list)
        else ()
        for launch in launches
    )
    if not out or not all(out):
        raise ValueError("samples are empty or not latencies")
    return out


def read_latency(data: Mapping[str, Any], name: str) -> float:
    """Return the seconds with a name, which must be above 0 (no call takes a femtosecond) and below 30 years."""
    seconds = read_number(data, name)
    if not 1e-15 < seconds < 1e9:
        raise ValueError(f"{name} is {seconds} s, which no call takes")
    return seconds


def read_duration(data: Mapping[str, Any], name: str) -> float:
    """Return the seconds with a name, which must be finite and not below 0."""
    seconds = read_number(data, name)
    if seconds < 0:
        raise ValueError(f"{name} is {seconds} s, and nothing takes less than no time")
    return seconds
