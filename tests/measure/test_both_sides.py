"""In which order both sides are prepared, and what is kept of it, with a preparer that makes nothing."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_formfunc.cases import pattern_case
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.measure import both_sides
from pytest_formfunc.measure.both_sides import BothSides
from pytest_formfunc.measure.workspace import OWN, Workspace
from pytest_formfunc.results import Absent, Spent

CASES = {case.id: case for case in (pattern_case("plain", depth, 8) for depth in (1, 2, 3))}
FIRST, SECOND, THIRD = CASES.values()
BACKENDS = ("native", "openvino")
KNOWN = (FIRST.id, SECOND.id)
THERE = Workspace(cwd="there")


class Preparer:
    """Notes what it is asked for; one form cannot be prepared."""

    def __init__(self, workers, workspace, cache, native, sides, began=0.0, reservations=None, spare=None):
        self.notes, self.where, self.sides = workers, "here" if workspace == OWN else "there", sides

    def prepare(self, recipe):
        self.notes.append((self.where, recipe.title))
        if recipe.source == SECOND.source:
            raise MeasurementError("it cannot be built")
        artifacts = {"native": "weights.pt", "openvino": "model.xml"}
        return SimpleNamespace(
            converted=("model.xml",), artifacts=artifacts, differs="weights", folder="f", remade=(), spare=""
        )

    def stop(self):
        self.notes.append((self.where, "stop"))


@pytest.fixture
def made(monkeypatch):
    """Return a function that makes both sides of two known cases out of three planned ones; it also has the notes."""
    monkeypatch.setattr(both_sides, "Preparer", Preparer)

    def make(other=None):
        make.notes, make.shown, make.spent = [], [], Spent()
        known = {case.id: (case, BACKENDS) for case in (FIRST, SECOND)}
        return BothSides(make.notes, Path("cache"), "native", known, 3, other, make.spent, make.shown.append)

    return make


def test_all_known_cases_are_prepared_before_the_first_is_measured(made):
    """Then the preparing process ends, and a case that comes later is counted among all planned ones."""
    sides = made()
    here, there = sides.prepare(FIRST, BACKENDS, KNOWN)
    assert (here.source, there) == (FIRST.source, None)
    assert made.notes == [("here", FIRST.id), ("here", SECOND.id), ("here", "stop")]
    sides.prepare(FIRST, BACKENDS, KNOWN)
    assert len(made.notes) == 3  # nothing is prepared twice
    sides.prepare(THIRD, BACKENDS, KNOWN)
    assert made.shown == [f"preparing {number} of 3: {case.id}" for number, case in enumerate(CASES.values(), 1)]
    assert (made.spent.converted, made.spent.reused) == (2, 2)
    assert made.spent.missed == {FIRST.id: "weights", THIRD.id: "weights"}


def test_a_form_that_cannot_be_prepared_fails_its_own_case_only(made):
    """Each time that it is asked for, with its reason."""
    sides = made()
    sides.prepare(FIRST, BACKENDS, KNOWN)
    for _ in range(2):
        with pytest.raises(MeasurementError, match="it cannot be built"):
            sides.prepare(SECOND, BACKENDS, KNOWN)
    assert made.notes.count(("here", SECOND.id)) == 1


def test_what_the_other_side_lacks_or_cannot_build_is_absent(made):
    """It is new or not comparable; this side is measured all the same."""
    absent = Absent("new", "main has no pattern plain")
    sources = {FIRST.id: FIRST.source, SECOND.id: FIRST.source, THIRD.id: absent}
    other = SimpleNamespace(title="main", workspace=THERE, source_of=lambda case: sources[case.id])
    sides = made(other)
    here, there = sides.prepare(FIRST, BACKENDS, KNOWN)
    assert (here.workspace, there.workspace) == (OWN, THERE)
    assert ("there", f"{FIRST.id} of main") in made.notes
    assert sides.prepare(THIRD, BACKENDS, KNOWN)[1] == absent
    sources[THIRD.id] = SECOND.source
    _, broken = made(other).prepare(THIRD, BACKENDS, KNOWN)
    assert broken == Absent("not comparable", "it cannot be built (at main)")
