"""Figures of a call on a card: their arithmetic and the order in which they are taken, which need no card."""

import pytest

from pytest_formfunc.backends.cuda_figures import covered, in_turns, per_call


def test_spans_that_overlap_or_hold_each_other_count_once():
    """Whatever their order."""
    assert covered([(4.0, 5.0), (0.0, 3.0), (1.0, 2.0), (2.5, 3.5)]) == 4.5
    assert covered([]) == 0.0


def test_the_last_calls_count_because_the_first_found_a_low_clock():
    """Two kernels a call, of five calls; the last three took 2 microseconds each, with a gap between kernels."""
    slow = [(start + offset, start + offset + 5.0) for start in (0.0, 20.0) for offset in (0.0, 6.0)]
    fast = [(start + offset, start + offset + 1.0) for start in (100.0, 110.0, 120.0) for offset in (0.0, 3.0)]
    assert per_call([*fast, *slow], 5) == pytest.approx(2e-6)
    assert per_call(slow, 2) == pytest.approx(10e-6)
    assert per_call([*fast, *slow[1:]], 5) == pytest.approx((6 + 15) / 5 * 1e-6)  # one is missing: all together
    assert per_call([], 5) is None


def test_each_call_is_timed_after_its_own_act_and_the_acts_take_turns():
    """A call in between, which is not timed, brings the cache back into the same state before either."""
    done = []
    now = {"cold": 0, "warm": 0}

    def act(name):
        def do():
            done.append(name)

        return do

    def time_call():
        after = done[-1] if done else "call"
        done.append("call")
        if after == "call":
            return 10**9  # a call that is not timed; its time would show
        now[after] += 1
        return {"cold": 3000, "warm": 2000}[after] + now[after]

    cold, warm = in_turns(time_call, act("cold"), act("warm"), rounds=3)
    assert done == ["call", "cold", "call", "call", "warm", "call"] * 3
    assert (cold, warm) == pytest.approx((3002e-9, 2002e-9))
