"""Map names to entries; the tables of patterns, architectures and backends share this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic, Protocol, TypeVar

from pytest_formfunc.errors import BadInput


class Entry(Protocol):
    """An entry of a table."""

    @property
    def name(self) -> str:
        """Return what the user types."""

    @property
    def target(self) -> str:
        """Return ``module:ClassName``; of bundled forms the module is relative to their package."""


E = TypeVar("E", bound=Entry)


def index_by_name(entries: Iterable[E], what: str) -> dict[str, E]:
    """Map names to entries, in order.

    Raises:
        ValueError: two entries have the same name. That is a programming error, hence not a `BadInput`.
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
    """Return the entry with a name.

    Raises:
        BadInput: there is none.
    """
    if name not in by_name:
        raise BadInput(f"no {what} is called {name!r}; there are {', '.join(by_name)}")
    return by_name[name]


class Table(Generic[E]):
    """The entries of this package, and those that other packages or a conftest.py add for a run.

    Added entries are state of this process: the parent collects them from hooks and entry points, and a worker
    receives them with its job.

    Attributes:
        what: name of an entry in messages, such as ``pattern``.
        bundled: this package's own entries, in order.
        added: the added entries, in the order in which they were added.
    """

    def __init__(self, what: str, bundled: Iterable[E]) -> None:
        """Take this package's entries."""
        self.what = what
        self._bundled = index_by_name(bundled, what)
        self._added: dict[str, E] = {}

    @property
    def bundled(self) -> tuple[E, ...]:
        """Return this package's entries."""
        return tuple(self._bundled.values())

    @property
    def added(self) -> tuple[E, ...]:
        """Return the added entries."""
        return tuple(self._added.values())

    def use_added(self, entries: Iterable[E]) -> None:
        """Replace the added entries by these; their names must have been checked."""
        self._added = {entry.name: entry for entry in entries}

    def is_added(self, name: str) -> bool:
        """Return whether a name belongs to an added entry."""
        return name in self._added

    def names(self) -> tuple[str, ...]:
        """List all names, added ones last."""
        return (*self._bundled, *self._added)

    def entry(self, name: str) -> E:
        """Return the entry with a name.

        Raises:
            BadInput: there is none.
        """
        return look_up({**self._bundled, **self._added}, name, self.what)
