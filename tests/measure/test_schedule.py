"""Turns, rounds and launches: whose turn it is, how many there are, and when to stop."""

import math

import pytest

from pytest_formfunc.measure.protocol import Turn
from pytest_formfunc.measure.schedule import (
    FEWEST_ROUNDS,
    HAND_OVER,
    LATER_ROUNDS,
    MAX_LAUNCHES,
    MIN_ROUNDS,
    ROUNDS_PER_LAUNCH,
    STEADY_ROUNDS,
    WANTED_LAUNCHES,
    later_rounds,
    plan_rounds,
    plan_turn,
    round_seconds,
    steady_rounds,
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
    assert plan_turn(0.001) == Turn(2, 12, limit_s=0.2)
    assert plan_turn(0.101).calls == 1
    assert plan_turn(0.099).calls == 2
    assert plan_turn(1e-6).calls == 400


def test_a_turn_that_takes_ten_times_as_long_as_planned_ends_early():
    """Beside other programs a short call may take a thousand times as long; a slow one keeps its time."""
    assert plan_turn(0.001).limit_s == 0.2
    assert plan_turn(0.050).limit_s == pytest.approx(10 * 3 * 0.050)


def test_slow_calls_settle_at_once():
    """The first call of 10 ms fills the caches (`bench/test_settling.py`); a quick one has at least two to settle."""
    assert plan_turn(0.0101).discard == 1
    assert plan_turn(0.0099).discard == 2


def test_the_seconds_of_a_round_are_those_of_all_its_calls():
    """Discarded ones too, each participant at its own pace."""
    assert round_seconds([Turn(1, 3), Turn(2, 6)], [0.25, 0.125]) == 2.0


def test_there_are_fewer_rounds_so_that_the_wanted_launches_fit_the_budget():
    """A slow case gets fewer rounds in each launch rather than fewer launches."""
    assert plan_rounds(0.006, load_s=0.1, budget_s=5) == ROUNDS_PER_LAUNCH
    rounds = plan_rounds(0.1, load_s=0.1, budget_s=5)
    assert MIN_ROUNDS < rounds < ROUNDS_PER_LAUNCH
    assert (
        WANTED_LAUNCHES * (0.1 + rounds * 0.1 * HAND_OVER)
        <= 5
        < WANTED_LAUNCHES * (0.1 + (rounds + 1) * 0.1 * HAND_OVER)
    )
    assert plan_rounds(30.0, load_s=1.0, budget_s=5) == MIN_ROUNDS


def test_later_launches_have_more_rounds_where_rounds_scatter():
    """Few where launches differ, and never so many that too few launches fit."""
    noisy, uneven = Scatter(0.3**2, 0.01**2, 0.01**2), Scatter(0.01**2, 0.1**2, 0.1**2)
    assert later_rounds(noisy, 0.04, 0.5, 60.0) == LATER_ROUNDS[1]
    assert later_rounds(uneven, 0.04, 0.5, 60.0) == LATER_ROUNDS[0]
    assert later_rounds(noisy, 0.04, 0.5, 6.0) == round((1.0 - 0.5) / (0.04 * HAND_OVER))
    assert later_rounds(noisy, 0.04, 0.5, 0.1) == MIN_ROUNDS
    assert later_rounds(noisy, 0.04, 0.5, math.inf) == LATER_ROUNDS[1]  # a budget without an end


def test_further_launches_leave_time_for_enough_of_them():
    """There are many rounds if rounds vary, few if launches vary, and never so many that too few launches fit."""
    noisy, uneven = Scatter(0.3**2, 0.01**2, 0.01**2), Scatter(0.01**2, 0.1**2, 0.1**2)
    least, most = STEADY_ROUNDS
    assert steady_rounds(noisy, 0.04, 0.34, math.inf, 12) == most
    assert steady_rounds(uneven, 0.04, 0.34, math.inf, 12) == least
    assert steady_rounds(noisy, 0.04, 0.34, 6.0, 12) == 12  # six launches of a second each
    assert steady_rounds(noisy, 0.04, 0.34, 3.0, 3) == 12
    assert steady_rounds(noisy, 0.04, 0.34, 0.0, 3) == FEWEST_ROUNDS
    long_s = 0.9  # of calls of 150 ms: twelve rounds would take eight times as long as loading
    assert steady_rounds(uneven, long_s, 1.2, math.inf, 12) == FEWEST_ROUNDS
    assert steady_rounds(noisy, long_s, 1.2, math.inf, 12) > FEWEST_ROUNDS


def why(*, quiet=range(6), launches=6, pool=12, widths=(0.01, 0.01), left_s=60.0, launch_s=0.5):
    return why_stop(list(quiet), launches, pool, widths, 0.03, left_s, launch_s)


def test_it_is_precise_after_two_narrow_intervals_of_enough_servers():
    """To stop at the first would choose the moment at which launches happen to agree."""
    assert why() == "precise"
    assert why(widths=(0.9, 0.03, 0.03)) == "precise"
    assert why(widths=(0.031, 0.01)) is None
    assert why(widths=(0.01, 0.031)) is None


@pytest.mark.parametrize(
    ("quiet", "launches", "pool", "enough"),
    [
        (range(5), 5, 12, False),  # launches
        (range(5), 9, 12, False),  # of which the others were disturbed
        ([0, 1, 2, 3, 4, 0], 6, 12, False),  # one server twice, because a launch was disturbed
        ([0, 1, 2, 3, 4, 6], 7, 12, True),
        ([0, 1, 2, 3, 0, 1], 6, 4, True),  # no more servers than these
        ([0, 1, 2, 0, 1, 2], 6, 4, False),
        ([0, 1, 0, 1, 0, 1], 6, 2, True),
    ],
)
def test_few_launches_or_few_servers_are_not_precise(quiet, launches, pool, enough):
    """At least six quiet launches, of six servers or of all that there are, whatever the interval."""
    assert (why(quiet=quiet, launches=launches, pool=pool) == "precise") == enough


def test_measuring_stops_when_another_launch_would_exceed_the_budget():
    """The budget is not exceeded, except that two launches are always made."""
    wide = {"quiet": [0], "widths": (1.0, 1.0)}
    assert why(**wide, launches=1, left_s=-95, launch_s=100) is None
    assert why(**wide, launches=2, left_s=0.4) == "budget"
    assert why(**wide, launches=2, left_s=0.6) is None


def test_measuring_stops_at_the_most_launches():
    """An unlimited budget does not mean unlimited launches."""
    wide = {"quiet": range(12), "widths": (1.0, 1.0), "left_s": 1e9}
    assert why(**wide, launches=MAX_LAUNCHES - 1) is None
    assert why(**wide, launches=MAX_LAUNCHES) == "launches"
