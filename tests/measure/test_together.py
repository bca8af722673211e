"""Cases measured in turn, with measurers that only count: order, budgets, and what is left over."""

import dataclasses

import pytest

from pytest_formfunc.measure.effort import Effort
from pytest_formfunc.measure.pace import Pace
from pytest_formfunc.measure.series import Measurement
from pytest_formfunc.measure.together import Reserve, measure_together

BUDGET = Effort(precision=0.03, budget_s=7.0)


class Case:
    """A case that is as precise as asked after some launches; each takes ``launch_s``."""

    def __init__(self, name, notes, precise_after, launch_s=1.0, stops=None):
        self.name, self.notes, self.precise_after, self.launch_s = name, notes, precise_after, launch_s
        self.stops = stops or {}
        self.launches = 0
        self.result = Measurement()
        self.budgets = []

    def advance(self, effort):
        self.notes.append(self.name)
        self.budgets.append(effort.budget_s)
        self.launches += 1
        self.result.spent_s += self.launch_s
        if self.launches >= self.precise_after:
            self.result.stopped = "precise"
        elif self.launches in self.stops:
            self.result.stopped = self.stops[self.launches]
        elif self.launch_s > effort.budget_s - self.result.spent_s:
            self.result.stopped = "budget"
        else:
            self.result.stopped = ""
        return not self.result.stopped

    def needed_s(self, precision):
        """A case that needs 99 launches never becomes precise here."""
        return (self.precise_after - self.launches) * self.launch_s


def measured(*cases, reserve=None, effort=BUDGET, pace=None):
    """Measure cases together and return what is left."""
    reserve = Reserve() if reserve is None else reserve
    measure_together([(case, effort) for case in cases], reserve, pace or Pace())
    return reserve.seconds


def test_cases_take_turns_launch_by_launch():
    """A slow minute of the machine touches one launch of each, and not all of one."""
    notes = []
    measured(Case("a", notes, 3), Case("b", notes, 2), Case("c", notes, 3))
    assert "".join(notes) == "abcabcac"


def test_each_has_its_own_budget():
    """One that is slow does not take the time of the others, and none is left."""
    notes = []
    slow, quick = Case("slow", notes, 99, launch_s=3.0), Case("quick", notes, 99, launch_s=0.5)
    assert measured(slow, quick) == 0.0
    assert (slow.launches, quick.launches) == (2, 14)
    assert {*slow.budgets, *quick.budgets} == {7.0}


def test_what_precise_cases_leave_makes_others_precise():
    """In turn as well; nobody gets more than there is."""
    notes = []
    early, first, second = Case("e", notes, 3), Case("1", notes, 9), Case("2", notes, 9)
    left = measured(early, first, second)
    assert "".join(notes[-4:]) == "1212"
    assert (first.launches, second.launches) == (9, 9)
    assert first.budgets[7:] == [7.0 + 4.0, 8.0 + 2.0]
    assert left == 0.0


def test_who_needs_more_than_is_left_gets_none_of_it():
    """It would keep its star; who needs least comes first, and a later group may use the rest."""
    early, near, far, hopeless = (Case(name, [], after) for name, after in (("e", 3), ("n", 9), ("f", 10), ("h", 99)))
    assert measured(early, hopeless, far, near) == 2.0
    assert (near.launches, far.launches, hopeless.launches) == (9, 7, 7)


def test_who_turns_out_to_need_more_stops():
    """What it still needs is estimated again after each launch."""
    case = Case("a", [], 99)
    case.needed_s = lambda precision: 2.0 if case.launches < 9 else 50.0
    assert measured(case, reserve=Reserve(9.0)) == 7.0
    assert case.launches == 9


def test_who_becomes_precise_on_the_reserve_leaves_the_rest():
    """It takes no more than it needs."""
    left = measured(Case("early", [], 3), Case("late", [], 8))
    assert left == pytest.approx(4.0 - 1.0)


def test_the_reserve_is_for_later_groups_too():
    """What the first group left over, the second one uses."""
    reserve = Reserve()
    assert measured(Case("early", [], 3), reserve=reserve) == 4.0
    late = Case("late", [], 11)
    assert measured(late, reserve=reserve) == 0.0
    assert late.launches == 7 + 4


def test_a_launch_that_the_reserve_does_not_pay_for_is_not_made():
    """On average a launch of this case takes three seconds, and two are left."""
    slow = Case("slow", [], 3, launch_s=3.0)
    slow.needed_s = lambda precision: 1.0
    assert measured(slow, reserve=Reserve(2.0)) == 2.0
    assert slow.launches == 2


@pytest.mark.parametrize("stopped", ["launches", "once", "failed"])
def test_who_stopped_for_another_reason_neither_leaves_nor_takes(stopped):
    """More time would not help, and a case that failed has no claim to more."""
    case = Case("one", [], 99, stops={2: stopped})
    assert measured(case, reserve=Reserve(5.0)) == 5.0
    assert case.launches == 2


def test_who_overran_its_budget_leaves_nothing_and_owes_nothing():
    """Two launches are made in any case."""
    assert measured(Case("over", [], 2, launch_s=10.0), reserve=Reserve(1.0)) == 1.0


def test_the_rest_of_the_effort_stays_as_it_was():
    """Only the time changes."""
    seen = []
    case = Case("a", [], 8)
    advance = case.advance
    case.advance = lambda effort: seen.append(effort) or advance(effort)
    measured(case, reserve=Reserve(1.0))
    assert {dataclasses.replace(effort, budget_s=0.0) for effort in seen} == {Effort(0.03, 0.0)}


class NotedPace(Pace):
    """A pace that notes when it is waited for, and how much of that is allowed."""

    def __init__(self, notes):
        self.notes, self.allowed = notes, []

    def allow(self, patience_s):
        self.allowed.append(patience_s)

    def wait(self):
        self.notes.append("w")


def test_each_launch_waits_while_the_machine_is_slow():
    """All cases share what may be waited, which is as much as they may measure; on the reserve they wait as well."""
    notes = []
    pace = NotedPace(notes)
    measured(Case("a", notes, 3), Case("b", notes, 8), pace=pace)
    assert "".join(notes) == 3 * "wawb" + 5 * "wb"
    assert pace.allowed == [14.0]


def test_where_a_verdict_follows_a_quarter_of_that_may_be_waited():
    """Both sides are equally slow, so that a verdict is worth its time on a slow machine too."""
    pace = NotedPace([])
    for limited in (False, True):
        measure_together([(Case("a", [], 1), Effort(0.03, 8.0, enough=5, limited=limited))], Reserve(), pace)
    assert pace.allowed == [2.0, 8.0]  # a floor needs quiet launches


def test_what_is_not_timed_waits_for_nothing():
    """One call of each, to check outputs."""
    notes = []
    measured(
        Case("a", notes, 9, stops={1: "once"}), effort=dataclasses.replace(BUDGET, once=True), pace=NotedPace(notes)
    )
    assert notes == ["a"]
