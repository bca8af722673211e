"""Put the tests of a side-by-side comparison in the order that finds a loss first."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from pytest_formfunc.plugin.plan import PLAN
from pytest_formfunc.run.order import first_in_place

if TYPE_CHECKING:
    import pytest

    from pytest_formfunc.run.run import Run


def changed_first(run: Run, items: list[pytest.Item]) -> None:
    """Move the tests whose case executes another program on the other side before the others of their file or class.

    All cases are prepared for that, as they are before the first one is measured in any case. ``pytest -x`` then stops
    sooner, and what the run has to spend on unclear verdicts goes to those cases first.
    """
    changed = run.changed_cases()
    known = run.known_cases
    if not changed or len(changed) == len(known):
        return
    ordered: list[pytest.Item] = []
    for _, of_parent in groupby(items, key=lambda item: item.parent):
        near = list(of_parent)
        plans = [item.stash.get(PLAN, None) for item in near]
        names = [plan.group if plan is not None and plan.group in known else None for plan in plans]
        ordered += [near[place] for place in first_in_place(names, changed)]
    items[:] = ordered
    run.measure_first(changed)
