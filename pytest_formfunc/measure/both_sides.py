"""Prepare cases on both sides: this run's form, and the other revision's form of the same case."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from pytest_formfunc.cases import Case
from pytest_formfunc.clock import now_s
from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.forms.sources import Source
from pytest_formfunc.measure.artifacts import Prepared
from pytest_formfunc.measure.launch import PreparedSide
from pytest_formfunc.measure.preparation import Preparer, Recipe
from pytest_formfunc.measure.reservations import Reservations
from pytest_formfunc.measure.workers import WorkerServer
from pytest_formfunc.measure.workspace import OWN, Workspace
from pytest_formfunc.results import Absent, Spent


class OtherForms(Protocol):
    """Where the other side's forms come from."""

    @property
    def title(self) -> str:
        """Return what the other side is called in sentences."""

    @property
    def workspace(self) -> Workspace:
        """Return whose code builds its forms."""

    def source_of(self, case: Case) -> Source | Absent:
        """Return where its form of a case comes from, or why there is none."""


class BothSides:
    """Prepares all known cases before the first one is measured, so that no other process is alive later."""

    def __init__(
        self,
        workers: WorkerServer,
        cache: Path,
        native: str,
        known: Mapping[str, tuple[Case, Sequence[str]]],
        planned: int,
        other: OtherForms | None,
        spent: Spent,
        say: Callable[[str], None],
        reservations: Reservations | None = None,
        spare: Path | None = None,
        begin: Callable[[int], None] = lambda prepared: None,
    ) -> None:
        """Take what is to be prepared, and the means.

        Args:
            workers: make the worker processes.
            cache: folder of all artifacts.
            native: the engine that is measured as native.
            known: cases that need no test to be built, with their backends, by id.
            planned: number of all cases, for the progress text.
            other: the other side's forms; None where nothing is compared side by side.
            spent: where time and artifacts are counted.
            say: shows a short progress text.
            reservations: shares memory with other processes; None where nobody else prepares.
            spare: a folder of this run, for artifacts if the cache cannot be written to.
            begin: is told, before each case, how many are prepared.
        """
        sides = 2 if other is not None else 1
        self._here = Preparer(workers, OWN, cache, native, sides, time.time(), reservations, spare)
        self._there = (
            Preparer(workers, other.workspace, cache, native, sides, reservations=reservations, spare=spare)
            if other is not None
            else None
        )
        self._known = known
        self._planned = planned
        self._other = other
        self._spent = spent
        self._say = say
        self._begin = begin
        self._sides_here: dict[str, PreparedSide | MeasurementError] = {}
        self._sides_there: dict[str, PreparedSide | Absent] = {}
        self._beside: dict[tuple[str, ...], PreparedSide | None] = {}

    def prepare(
        self, case: Case, backends: Sequence[str], together: Collection[str]
    ) -> tuple[PreparedSide, PreparedSide | Absent | None]:
        """Return both sides of a case; the other one is None where nothing is compared side by side.

        Args:
            case: the case.
            backends: names of its backends.
            together: ids of the known cases that are prepared at the same time.

        Raises:
            MeasurementError: this side cannot be prepared.
        """
        if case.id not in self._sides_here:
            began = now_s()
            known = {name: one for name, one in self._known.items() if name in together}
            for one, of_it in {**known, case.id: (case, backends)}.values():
                if one.id not in self._sides_here:
                    number = len(self._sides_here) + 1
                    self._begin(number - 1)
                    self._say(f"preparing {number} of {max(self._planned, number)}: {one.id}")
                    self._prepare_case(one, of_it)
            self._here.stop()
            if self._there is not None:
                self._there.stop()
            self._spent.preparing_s += now_s() - began
        here = self._sides_here[case.id]
        if isinstance(here, MeasurementError):
            raise here
        return here, self._sides_there.get(case.id)

    def beside(self, title: str, source: Source, backends: Sequence[str], calibration: str = "") -> PreparedSide | None:
        """Return this side of a network that is no case, or None if it cannot be prepared."""
        key = (title, *backends)
        if key not in self._beside:
            (self._beside[key],) = self.several([Recipe(title, source, backends, calibration)])
        return self._beside[key]

    def several(self, recipes: Iterable[Recipe]) -> list[PreparedSide | None]:
        """Return this side of networks that are no cases, one after another in one process; None of those that fail."""
        found: list[PreparedSide | None] = []
        for recipe in recipes:
            self._say(f"preparing {recipe.title}")
            found.append(None)
            with contextlib.suppress(MeasurementError):
                found[-1] = PreparedSide(recipe.source, self._here.prepare(recipe))
        self._here.stop()
        return found

    def _prepare_case(self, case: Case, backends: Sequence[str]) -> None:
        recipe = Recipe(case.id, case.source, backends, case.calibration)
        try:
            prepared = self._count(self._here.prepare(recipe))
            if prepared.differs:
                self._spent.missed[case.id] = prepared.differs
            self._sides_here[case.id] = PreparedSide(case.source, prepared)
        except MeasurementError as error:
            self._sides_here[case.id] = error
        if self._other is not None and self._there is not None:
            self._sides_there[case.id] = self._prepare_there(case, backends, self._other, self._there)

    def _prepare_there(
        self, case: Case, backends: Sequence[str], other: OtherForms, preparer: Preparer
    ) -> PreparedSide | Absent:
        source = other.source_of(case)
        if isinstance(source, Absent):
            return source
        try:
            recipe = Recipe(f"{case.id} of {other.title}", source, backends, case.calibration)
            return PreparedSide(source, self._count(preparer.prepare(recipe)), other.workspace)
        except MeasurementError as error:
            return Absent("not comparable", f"{error} (at {other.title})")

    def _count(self, prepared: Prepared) -> Prepared:
        self._spent.converted += len(prepared.converted)
        self._spent.remade += [f"{Path(prepared.folder).name}/{name}" for name in prepared.remade]
        self._spent.spare = prepared.spare or self._spent.spare
        self._spent.reused += len(set(prepared.artifacts.values())) - len(prepared.converted)
        return prepared
