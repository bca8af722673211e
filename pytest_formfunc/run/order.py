"""What is known of both sides before anything is timed: which cases may have lost most, and which natives are one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pytest_formfunc.cases import Case
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.measure.both_sides import BothSides
from pytest_formfunc.measure.launch import PreparedSide
from pytest_formfunc.measure.lineup import is_same_program
from pytest_formfunc.results import Absent
from pytest_formfunc.revisions.other_revision import OtherRevision


def changed_cases(sides: BothSides, known: Mapping[str, Case], backends: Mapping[str, Sequence[str]]) -> set[str]:
    """Prepare cases on both sides; return those whose network executes another program there, or does not build here.

    Args:
        sides: prepares them; what it has prepared is not prepared again when the case is measured.
        known: cases that no test has to build, by id.
        backends: names of the backends of each case.
    """
    changed = set()
    for name, case in known.items():
        try:
            here, there = sides.prepare(case, backends[name], known)
        except MeasurementError:
            changed.add(name)
            continue
        if isinstance(there, PreparedSide) and not is_same_program(here.prepared, there.prepared):
            changed.add(name)
    return changed


def is_same_native(here: PreparedSide, there: PreparedSide | Absent | None, other: OtherRevision | None) -> bool:
    """Return whether native is the same on both sides; other packages may change it though its program is the same."""
    return (
        isinstance(there, PreparedSide)
        and other is not None
        and other.has_same_packages
        and is_same_program(here.prepared, there.prepared)
    )


def first_in_place(names: Sequence[str | None], first: Collection[str]) -> list[int]:
    """Return an order of places: those of names that come first, then of other names; None keeps its place.

    >>> first_in_place(["a", None, "b", "c", "b"], {"b"})
    [2, 1, 4, 0, 3]
    """
    movable = [place for place, name in enumerate(names) if name is not None]
    ordered = iter(sorted(movable, key=lambda place: names[place] not in first))
    return [next(ordered) if name is not None else place for place, name in enumerate(names)]
