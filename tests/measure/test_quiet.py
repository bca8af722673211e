"""What counts as a disturbed turn, by what the kernel counted in it."""

from dataclasses import replace

import pytest

from pytest_formfunc.cards import State
from pytest_formfunc.measure.disturbance import with_states
from pytest_formfunc.measure.protocol import Disturbance
from pytest_formfunc.measure.quiet import Cause, advice_on, stolen_over, why_disturbed

TICK_S = 0.01
TURN_S = 0.012


def turn(wall_s=TURN_S, *, waited_s=0.0, stolen_s=0.0, cpu_s=None, continued=0):
    """Return a turn whose threads ran all the time, unless it says otherwise."""
    return Disturbance(
        waited_s, 0, 0, stolen_s, wall_s, cpu_s=2 * wall_s if cpu_s is None else cpu_s, continued=continued
    )


def why(made, threads=2, cores=2, expected_s=TURN_S):
    return why_disturbed(made, threads, cores, expected_s)


def test_a_turn_that_nothing_disturbed():
    """Its threads ran, and waited for a core for a thousandth of the time."""
    assert why(turn(waited_s=2 * 0.001 * TURN_S)) is None


@pytest.mark.parametrize(("share", "cause"), [(0.049, None), (0.051, Cause.WAITING), (0.9, Cause.WAITING)])
@pytest.mark.parametrize("threads", [1, 2, 16])
def test_each_thread_may_wait_for_five_percent_of_the_time(share, cause, threads):
    """The kernel's figure is the sum of all threads."""
    assert why(turn(waited_s=threads * share * TURN_S), threads=threads) == cause


@pytest.mark.parametrize("wall_s", [0.0001, 0.012, 0.03])
@pytest.mark.parametrize("cores", [1, 2])
def test_a_single_tick_of_stolen_time_proves_nothing(wall_s, cores):
    """It is the kernel's unit: less may have been stolen, and before the turn."""
    assert why(turn(wall_s, stolen_s=TICK_S), threads=1, cores=cores, expected_s=wall_s) is None


def test_stolen_time_beyond_a_tick_counts():
    """More than 5% of all cores' time; on more cores the same time is a smaller part."""
    assert why(turn(stolen_s=2 * TICK_S)) == Cause.STOLEN
    assert why(turn(1.0, stolen_s=0.10 + TICK_S + 0.001), expected_s=1.0) == Cause.STOLEN
    assert why(turn(1.0, stolen_s=0.10 + TICK_S - 0.001), expected_s=1.0) is None
    assert why(turn(1.0, stolen_s=0.10 + TICK_S + 0.001), cores=4, expected_s=1.0) is None


def test_ticks_of_many_turns_add_up():
    """A tick in every turn is no chance, whatever each turn says alone; one tick in all of them is."""
    ticking = [turn(stolen_s=TICK_S)] * 8
    assert {why(one) for one in ticking} == {None}
    assert stolen_over(ticking, 2)
    assert not stolen_over([*[turn()] * 7, turn(stolen_s=TICK_S)], 2)
    assert not stolen_over([turn(1.0, stolen_s=5 * TICK_S)] * 8, 2)


def test_a_process_that_was_stopped_and_continued():
    """The signal is proof, however short the stop was."""
    assert why(turn(continued=1)) == Cause.STOPPED


@pytest.mark.parametrize(
    ("made", "expected_s", "cause"),
    [
        (turn(0.5, cpu_s=0.02), TURN_S, Cause.STOPPED),
        (turn(0.09, cpu_s=0.01), 0.001, None),  # too short to tell from an engine that waits for a device
        (turn(0.5, cpu_s=0.02), 0.06, None),  # calls that take so long anyway, as on a device
        (turn(0.5, cpu_s=0.4), TURN_S, None),  # it ran all the time
        (turn(0.5, cpu_s=0.02, waited_s=0.4), TURN_S, Cause.WAITING),  # it queued for a core
    ],
)
def test_a_process_that_neither_ran_nor_queued_was_frozen(made, expected_s, cause):
    """A frozen machine sends no signal: the turn took ten times as long as its calls, without running."""
    assert why(made, expected_s=expected_s) == cause


@pytest.mark.parametrize(
    ("bits", "cause"),
    [(0x0, None), (0x1, None), (0x4, None), (0x20, Cause.CARD), (0x44, Cause.CARD), (0x80, Cause.CARD)],
)
def test_a_card_that_was_slowed_down_by_heat_disturbs_a_turn(bits, cause):
    """Its power limit is the same in the next run."""
    assert why(replace(turn(), sm_mhz=1200.0, slowed=bits)) == cause


def test_states_of_a_card_before_and_after_a_turn():
    """The lowest clock and the greatest power; reasons of either moment count, and an unknown moment does not."""
    found = with_states(turn(), State(1980.0, 300.0, 0x0), State(1200.0, 350.0, 0x20))
    assert (found.sm_mhz, found.power_w, found.slowed) == (1200.0, 350.0, 0x20)
    assert with_states(turn(), None, State(1980.0, 300.0, 0x4)).slowed == 0x4
    assert with_states(turn(), None, None) == turn()


def test_a_turn_of_no_time_is_no_error():
    """A clock may be coarse."""
    assert why(turn(0.0)) is None


def test_each_cause_is_a_clause_with_advice_of_its_own():
    """They follow "because" and the cause in sentences; what is not known has the advice on busy cores."""
    assert len({cause.value for cause in Cause}) == len(Cause) == 6
    assert len({advice_on(cause.value) for cause in Cause}) == 6
    assert "--formfunc-budget" in advice_on(Cause.WAITING.value) == advice_on("something else")
    assert all(not cause.value.endswith(".") and cause.value[0].islower() for cause in Cause)
