"""Turn ``@pytest.mark.formfunc`` into one frozen object; units are converted and values are checked here."""

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
    """The arguments of a test's markers; an argument that was not given is None.

    Attributes:
        architectures: names of the architectures that the test measures.
        backends: names of the backends that the test measures, without native.
        threshold: the loss of speedup that fails the test, as a fraction.
        min_speedup: floor of the speedup.
        max_latency_s: ceiling of the latency, in seconds.
        fail_on: kinds of verdict that fail the test.
    """

    architectures: tuple[str, ...] | None = None
    backends: tuple[str, ...] | None = None
    threshold: float | None = None
    min_speedup: float | None = None
    max_latency_s: float | None = None
    fail_on: tuple[str, ...] | None = None

    def over(self, other: Marker) -> Marker:
        """Return both markers merged; this one has precedence.

        >>> Marker(threshold=0.05).over(Marker(threshold=0.1, min_speedup=2.0))
        Marker(architectures=None, backends=None, threshold=0.05, min_speedup=2.0, max_latency_s=None, fail_on=None)
        """
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(other, **{name: value for name, value in given.items() if value is not None})


def read_marker(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Marker:
    """Check a marker's arguments and convert their units.

    Raises:
        BadInput: an argument is unknown or its value is invalid.
    """
    if args:
        raise BadInput(f"takes no positional arguments, only {', '.join(MARKER_ARGUMENTS)}")
    check_names(list(kwargs) or ["threshold"], MARKER_ARGUMENTS, "argument")
    return Marker(**{_FIELDS.get(name, name): _READERS[name](value) for name, value in kwargs.items()})


def _texts(value: Any, what: str) -> list[str]:
    """Return one name, or a list of them, as a list."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise BadInput(f"{what} {value!r} is not a list of names: write {what}=['one', 'another']")
    return list(names)


def _min_speedup(value: Any) -> float:
    try:
        number = 0.0 if isinstance(value, bool) else float(value)
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
_FIELDS = {"max_latency": "max_latency_s"}  # the field's name includes the unit, unlike the argument's
