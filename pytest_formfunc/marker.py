"""What ``@pytest.mark.formfunc`` says of a test, as one frozen object; units are converted and values checked here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from pytest_formfunc.errors import BadInput
from pytest_formfunc.names import check_architectures, check_backends, check_names
from pytest_formfunc.option_specs import FAIL_ON, MARKER_ARGUMENTS
from pytest_formfunc.units import parse_fraction, parse_seconds


@dataclass(frozen=True)
class Marker:
    """The arguments of a test's markers; None where one was not given.

    Attributes:
        architectures: names of those that the test measures.
        backends: names of those that it measures, native aside.
        threshold: the loss of speedup that fails it, as a fraction.
        min_speedup: floor of its speedup.
        max_latency_s: ceiling of its latency, in seconds.
        fail_on: kinds of verdict that fail it.
    """

    architectures: tuple[str, ...] | None = None
    backends: tuple[str, ...] | None = None
    threshold: float | None = None
    min_speedup: float | None = None
    max_latency_s: float | None = None
    fail_on: tuple[str, ...] | None = None

    def over(self, other: Marker) -> Marker:
        """Return both together; what both give is this one's.

        >>> Marker(threshold=0.05).over(Marker(threshold=0.1, min_speedup=2.0))
        Marker(architectures=None, backends=None, threshold=0.05, min_speedup=2.0, max_latency_s=None, fail_on=None)
        """
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(other, **{name: value for name, value in given.items() if value is not None})


def read_marker(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Marker:
    """Check a marker's arguments and convert their units.

    Raises:
        BadInput: an unknown argument, or an invalid value.
    """
    if args:
        raise BadInput(f"takes no positional arguments, only {', '.join(MARKER_ARGUMENTS)}")
    check_names(list(kwargs) or ["threshold"], MARKER_ARGUMENTS, "argument")
    return Marker(**{_FIELDS.get(name, name): _READERS[name](value) for name, value in kwargs.items()})


def _texts(value: Any, what: str) -> list[str]:
    """Return one name, or a list of them, as a list."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise BadInput(f"{what} {value!r} is no list of names: write {what}=['one', 'another']")
    return list(names)


def _min_speedup(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number < 1e6:
        raise BadInput(f"min_speedup {value!r} is not a ratio: give a positive number like 2.0")
    return number


_READERS: dict[str, Callable[[Any], Any]] = {
    "architectures": lambda value: check_architectures(_texts(value, "architectures")),
    "backends": lambda value: check_backends(_texts(value, "backends")),
    "threshold": lambda value: parse_fraction(value, what="threshold"),
    "min_speedup": _min_speedup,
    "max_latency": lambda value: parse_seconds(value, what="max_latency"),
    "fail_on": lambda value: check_names(_texts(value, "fail_on"), FAIL_ON, "kind of verdict"),
}
_FIELDS = {"max_latency": "max_latency_s"}  # an argument whose unit is part of the field's name
