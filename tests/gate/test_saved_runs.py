"""What a run is compared with, and the level of noise that its first looks and other cases' saved runs show."""

from dataclasses import replace

import pytest
from support.records import contended, native_record, record, saved

from pytest_formfunc.gate.baseline import Baseline
from pytest_formfunc.gate.saved_runs import SavedRuns
from pytest_formfunc.gate.scale import ENOUGH_CHANGES, STATED

BACKEND = "openvino"
NAMES = [f"case-{index}" for index in range(ENOUGH_CHANGES)]


def made(name, seconds=0.0025, draw=0, **changes):
    return record(seconds, draw=draw, case=name, **changes)


def baseline(runs, names=NAMES, **changes):
    """Return a baseline with so many saved runs of each case, all of them compared with."""
    history = {
        (name, BACKEND): tuple(saved(made(name, draw=1 + run + 30 * at, **changes)) for run in range(runs))
        for at, name in enumerate(names)
    }
    newest = {key: records[-1] for key, records in history.items()}
    return Baseline("file", newest, {}, history, history)


def noted(runs, records):
    runs.note(records)
    return runs.level(records[0])


def test_the_first_looks_at_all_that_is_measured_take_the_place_of_what_is_stated():
    """Judged or not; one less is not enough, and then it is what is stated."""
    runs = SavedRuns(baseline(1))
    records = [made(name, draw=500 + at) for at, name in enumerate(NAMES)]
    assert noted(runs, records[1:]) == STATED
    level = noted(runs, records)
    assert level.changes == ENOUGH_CHANGES
    assert level.variance < STATED.variance


def test_later_looks_change_nothing():
    """A case that got more launches because it seemed to have changed would seem to have changed less."""
    runs = SavedRuns(baseline(1))
    records = [made(name, draw=500 + at) for at, name in enumerate(NAMES)]
    level = noted(runs, records)
    assert noted(runs, [made(name, 0.0025 * (1 + 0.1 * at)) for at, name in enumerate(NAMES)]) == level
    worse = [made(name, 0.0025 * (1 + 0.1 * at)) for at, name in enumerate(NAMES)]
    assert noted(SavedRuns(baseline(1)), worse).variance > 10 * level.variance


@pytest.mark.parametrize(
    "change",
    [contended, lambda one: replace(one, fingerprint="there"), lambda one: replace(one, case="unknown")],
)
def test_what_cannot_be_compared_is_no_look(change):
    """Contended, from another machine, or not in the baseline."""
    runs = SavedRuns(baseline(1))
    records = [made(name, draw=500 + at) for at, name in enumerate(NAMES)]
    assert noted(runs, [*records[:-1], change(records[-1]), native_record()]) == STATED
    assert noted(runs, records).changes == ENOUGH_CHANGES  # as soon as it can be compared


def test_saved_runs_of_other_cases_are_added_and_those_of_the_case_itself_are_not():
    """Its own count by themselves."""
    now = made(NAMES[0])
    assert SavedRuns(baseline(20, NAMES[:1])).level(now) == STATED
    level = SavedRuns(baseline(20, NAMES[:2])).level(now)
    assert level.df > STATED.df + 15
    assert level.variance < 0.6 * STATED.variance


def test_other_cases_of_another_machine_say_nothing():
    """A baseline that was merged may have rows of several machines."""
    both = baseline(20, NAMES[:2])
    other = {key: tuple(replace(one, fingerprint="there") for one in records) for key, records in both.history.items()}
    other[NAMES[0], BACKEND] = both.history[NAMES[0], BACKEND]
    newest = {key: records[-1] for key, records in other.items()}
    assert SavedRuns(Baseline("file", newest, {}, other, other)).level(made(NAMES[0])) == STATED


def test_the_runs_that_are_compared_with_decide_how_saved_runs_are_compared():
    """Five are pooled, so each saved run is compared with the five before it; a run of another method with none."""
    both = baseline(20, NAMES[:1])
    key = NAMES[0], BACKEND
    pooled = replace(both, pool={key: both.history[key][-5:]})
    found = SavedRuns(pooled).counterparts(made(NAMES[0]))
    assert (len(found.records), len(found.pairs), found.tests.count) == (5, 5, 19)
    assert found.tests.df == pytest.approx(19 * 180 / 202)
    unlike = (replace(both.history[key][0], method="another"), *both.history[key][1:])
    assert SavedRuns(replace(pooled, history={key: unlike})).counterparts(made(NAMES[0])).tests.count == 18
