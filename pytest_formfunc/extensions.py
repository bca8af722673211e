"""Patterns, architectures and backends that other packages add: gather and check their entries, and register them.

Entries come from hooks and entry points. They are small records, sent to worker processes with each job so that the
same names are known there; the modules that they name are imported in the worker, on first use.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from types import NoneType
from typing import Any

from pytest_formfunc import backends
from pytest_formfunc.backends import BACKENDS, KEPT, LIBC, MIN_SQNR_DB, OWN, BackendEntry
from pytest_formfunc.errors import BadInput, one_line
from pytest_formfunc.forms import architectures, patterns
from pytest_formfunc.forms.architectures import ArchitectureEntry
from pytest_formfunc.forms.patterns import PatternEntry
from pytest_formfunc.targets import is_target

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_RESERVED = ("all", "best")  # options use these words for every form and for every available backend


@dataclass(frozen=True)
class Kind:
    """A kind of thing that can be added.

    Attributes:
        what: its name in messages, singular.
        plural: the same in the plural; ends the hook's name and the name of the entry points' group.
        entry: the class of its entries.
        bundled: this package's own entries.
    """

    what: str
    plural: str
    entry: type[PatternEntry] | type[ArchitectureEntry] | type[BackendEntry]
    bundled: tuple[Any, ...]

    @property
    def hook(self) -> str:
        """Return the hook's name."""
        return f"pytest_formfunc_{self.plural}"

    @property
    def group(self) -> str:
        """Return the group of entry points."""
        return f"pytest_formfunc.{self.plural}"


KINDS = (
    Kind("pattern", "patterns", PatternEntry, patterns.PATTERNS),
    Kind("architecture", "architectures", ArchitectureEntry, architectures.ARCHITECTURES),
    Kind("backend", "backends", BackendEntry, BACKENDS),
)


@dataclass(frozen=True)
class Offer:
    """What one hook or entry point gave, not yet checked.

    Attributes:
        kind: what it should be.
        who: the hook or entry point that gave it, for messages.
        given: the value as it was given, of any type.
    """

    kind: Kind
    who: str
    given: Any


@dataclass(frozen=True)
class Extensions:
    """Every added entry; a small record that can be pickled."""

    patterns: tuple[PatternEntry, ...] = ()
    architectures: tuple[ArchitectureEntry, ...] = ()
    backends: tuple[BackendEntry, ...] = ()

    @property
    def modules(self) -> list[str]:
        """Return the modules that the entries name."""
        entries: tuple[Any, ...] = (*self.patterns, *self.architectures, *self.backends)
        return [entry.target.partition(":")[0] for entry in entries]


def gather(offers: Iterable[Offer]) -> Extensions:
    """Check what was offered and return it as entries, in the order of the offers.

    Raises:
        BadInput: one sentence about the first fault: not entries, an invalid field, a name that is taken.
    """
    found: dict[str, list[Any]] = {kind.plural: [] for kind in KINDS}
    givers: dict[tuple[str, str], str] = {
        (kind.plural, entry.name): f"{entry.target} of pytest-formfunc" for kind in KINDS for entry in kind.bundled
    }
    for offer in offers:
        for entry in _entries(offer):
            key = (offer.kind.plural, entry.name)
            giver = f"{entry.target} of {offer.who}"
            if key in givers:
                raise BadInput(f"{offer.kind.what} {entry.name!r} is registered twice: {givers[key]} and {giver}")
            givers[key] = giver
            found[offer.kind.plural].append(entry)
    return Extensions(**{plural: tuple(entries) for plural, entries in found.items()})


def entry_point_offers() -> Iterator[Offer]:
    """Yield what installed packages offer in the entry points' groups, by name.

    Raises:
        BadInput: one does not load; the message names it and its distribution.
    """
    for kind in KINDS:
        for point in sorted(importlib.metadata.entry_points(group=kind.group), key=lambda point: point.name):
            distribution = point.dist.name if point.dist else "an unknown distribution"
            who = f"entry point {point.name!r} of {distribution}"
            try:
                given = point.load()
            except Exception as error:  # importing runs the author's code, which may raise anything
                raise BadInput(f"{who} (group {kind.group}) does not load: {one_line(error)}") from error
            yield Offer(kind, who, given)


def use(extensions: Extensions) -> None:
    """Make these the added entries of this process; they replace all earlier ones."""
    patterns.TABLE.use_added(extensions.patterns)
    architectures.TABLE.use_added(extensions.architectures)
    backends.TABLE.use_added(extensions.backends)


def current() -> Extensions:
    """Return the added entries of this process."""
    return Extensions(patterns.TABLE.added, architectures.TABLE.added, backends.TABLE.added)


def _entries(offer: Offer) -> list[Any]:
    """Return an offer's entries, checked one by one."""
    given, wanted = offer.given, offer.kind.entry
    several = list(given) if isinstance(given, list | tuple) else [given]
    for one in several:
        if type(one) is not wanted:  # a subclass is refused too: a worker could not unpickle it
            text = repr(one) if len(repr(one)) <= 60 else type(one).__name__
            raise BadInput(f"{offer.who} must give a list of {wanted.__name__}, and gives {text}")
        _check_fields(one, offer)
    return several


# For each annotation of an entry's field: the types it may hold, and their description in messages.
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "str": ((str,), "a string"),
    "bool": ((bool,), "True or False"),
    "int": ((int,), "a whole number"),
    "int | None": ((int, NoneType), "a whole number or None"),
    "float | None": ((int, float, NoneType), "a number or None"),
    "tuple[str, ...]": ((tuple,), "a tuple of strings"),
}


def _check_fields(entry: Any, offer: Offer) -> None:
    who = f"{offer.kind.what} {entry.name!r} of {offer.who}"
    for field in fields(entry):
        value = getattr(entry, field.name)
        types, words = _TYPES.get(str(field.type), ((object,), ""))
        fits = isinstance(value, types)
        if isinstance(value, tuple):
            fits = fits and all(isinstance(one, str) for one in value)
        if not fits or (isinstance(value, bool) and bool not in types):
            raise BadInput(f"{who}: its {field.name} is {value!r} and must be {words}")
    if not _NAME.fullmatch(entry.name) or entry.name in _RESERVED:
        raise BadInput(
            f"{who} has an invalid name: names are part of options and of tests' ids, so they are made of letters, "
            f"digits and _ . + -, and are not {' or '.join(map(repr, _RESERVED))}"
        )
    if not is_target(entry.target):
        raise BadInput(f"{who}: its target is {entry.target!r} and must be written package.module:Class")
    for name in ("width_multiple", "side"):
        if getattr(entry, name, 1) < 1:
            raise BadInput(f"{who}: its {name} is {getattr(entry, name)} and must be at least 1")
    if isinstance(entry, BackendEntry) and entry.min_sqnr_db is None and entry.precision not in MIN_SQNR_DB:
        known = ", ".join(MIN_SQNR_DB)
        raise BadInput(
            f"{who}: its precision is {entry.precision!r} and must be one of {known}, or have a min_sqnr_db of its own"
        )
    if isinstance(entry, BackendEntry) and entry.memory not in (LIBC, OWN, KEPT):
        raise BadInput(f"{who}: its memory is {entry.memory!r} and must be one of {LIBC}, {OWN}, {KEPT}")
