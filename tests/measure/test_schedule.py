import math

import pytest

from pytest_formfunc.measure.schedule import (
    FEWEST_ROUNDS,
    MIN_LAUNCHES,
    MIN_ROUNDS,
    ROUNDS_PER_LAUNCH,
    SHAKE_EVERY,
    STEADY_ROUNDS,
    Turn,
    plan_rounds,
    plan_turn,
    steady_rounds,
    turn_of_round,
    turn_order,
    why_stop,
)
from pytest_formfunc.stats.allocation import Scatter


@pytest.mark.parametrize("count", [1, 3, 5])
def test_over_a_cycle_of_rounds_each_participant_has_every_position(count):
    """No participant always follows the same one or always goes first."""
    for launch in range(4):
        orders = [turn_order(count, launch, index) for index in range(count)]
        for place in range(count):
            assert sorted(order[place] for order in orders) == list(range(count))


def test_two_always_alternate_and_each_goes_first_in_every_other_launch():
    """Neither has two turns in a row, and over two launches each has each position."""
    for launch in range(2):
        turns = [index for round_index in range(4) for index in turn_order(2, launch, round_index)]
        assert turns == [launch, 1 - launch] * 4


def test_start_order_is_balanced_over_launches():
    """Of two identical workers the one started second is a little faster, so each is second equally often."""
    firsts = [turn_order(2, launch, 0)[0] for launch in range(6)]
    assert firsts == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize("call_s", [1e-6, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0])
def test_a_turn_never_counts_its_first_call(call_s):
    """The first call of a turn is discarded, however long calls take."""
    turn = plan_turn(call_s)
    assert turn.discard >= 1
    assert turn.calls >= 1


def test_a_turn_has_many_short_calls_or_few_slow_ones():
    """A turn counts as many calls as fit into its time, within limits."""
    assert plan_turn(0.001) == Turn(2, 12)
    assert plan_turn(3.0).calls == 1
    assert plan_turn(1e-6).calls == 400


def test_there_are_fewer_rounds_so_that_the_fewest_launches_fit_the_budget():
    """A slow case gets fewer rounds in each launch rather than fewer launches."""
    turns = [Turn(1, 2), Turn(1, 2)]
    assert plan_rounds(turns, [0.001, 0.001], load_s=0.1, budget_s=5) == ROUNDS_PER_LAUNCH
    assert plan_rounds(turns, [0.05, 0.05], load_s=0.1, budget_s=5) == 5
    assert plan_rounds(turns, [5.0, 5.0], load_s=1.0, budget_s=5) == MIN_ROUNDS


def test_further_launches_leave_time_for_enough_of_them():
    """There are many rounds if rounds vary, few if launches vary, and never so many that too few launches fit."""
    noisy, uneven = Scatter(0.3**2, 0.01**2, 0.01**2), Scatter(0.01**2, 0.1**2, 0.1**2)
    least, most = STEADY_ROUNDS
    assert steady_rounds(noisy, 0.04, 0.34, math.inf, 12) == most
    assert steady_rounds(uneven, 0.04, 0.34, math.inf, 12) == least
    assert steady_rounds(noisy, 0.04, 0.34, 6.0, 12) == 12  # six launches of a second each
    assert steady_rounds(noisy, 0.04, 0.34, 3.0, 3) == 12
    assert steady_rounds(noisy, 0.04, 0.34, 0.0, 3) == FEWEST_ROUNDS


def test_measuring_stops_when_it_is_precise_but_not_before_the_fewest_launches():
    """An interval that seems narrow after two launches is not enough."""
    assert why_stop(2, 0.001, 0.03, 1, 0.5, 60) is None
    assert why_stop(MIN_LAUNCHES, 0.001, 0.03, 1, 0.5, 60) == "precise"
    assert why_stop(MIN_LAUNCHES, 0.031, 0.03, 1, 0.5, 60) is None


def test_measuring_stops_when_another_launch_would_exceed_the_budget():
    """The budget is not exceeded, except that two launches are always made."""
    assert why_stop(1, 1.0, 0.03, 100, 100, 5) is None
    assert why_stop(2, 1.0, 0.03, 4.6, 0.5, 5) == "budget"
    assert why_stop(2, 1.0, 0.03, 4.4, 0.5, 5) is None


def test_measuring_stops_at_the_most_launches():
    """An unlimited budget does not mean unlimited launches."""
    assert why_stop(20, 1.0, 0.03, 10, 0.5, 1e9) == "launches"


def test_a_new_heap_layout_comes_every_few_rounds_with_calls_to_settle():
    """The first calls after it have page faults that later ones have not, so they do not count."""
    turns = [turn_of_round(Turn(1, 2), index) for index in range(2 * SHAKE_EVERY)]
    assert [turn.shake for turn in turns] == [True, *[False] * (SHAKE_EVERY - 1)] * 2
    assert all(turn.calls == 2 for turn in turns)
    assert turns[0].discard > turns[1].discard == 1
    assert turn_of_round(Turn(30, 60), 0).discard == 30
