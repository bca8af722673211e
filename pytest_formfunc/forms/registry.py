"""Names to entries, and entries to classes: what the tables of patterns and of architectures share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, Protocol, TypeVar

from pytest_formfunc.errors import BadInput


class Entry(Protocol):
    """A line of a table."""

    @property
    def name(self) -> str:
        """Return what the user types."""

    @property
    def target(self) -> str:
        """Return ``module:ClassName``, the module seen from the table's package."""


E = TypeVar("E", bound=Entry)


def index_by_name(entries: Iterable[E], what: str) -> dict[str, E]:
    """Map names to entries, in order.

    Raises:
        ValueError: two entries bear one name; a programming mistake, so not a `BadInput`.
    """
    by_name: dict[str, E] = {}
    for entry in entries:
        if entry.name in by_name:
            raise ValueError(
                f"{what} {entry.name!r} is registered twice: {by_name[entry.name].target} and {entry.target}"
            )
        by_name[entry.name] = entry
    return by_name


def look_up(by_name: Mapping[str, E], name: str, what: str) -> E:
    """Return the entry of a name.

    Raises:
        BadInput: there is none.
    """
    if name not in by_name:
        raise BadInput(f"no {what} is called {name!r}; there are {', '.join(by_name)}")
    return by_name[name]


def import_target(package: str, entry: Entry) -> Any:
    """Import an entry's class; this is where torch gets loaded."""
    module_name, class_name = entry.target.split(":")
    return getattr(import_module(f"{package}.{module_name}"), class_name)
