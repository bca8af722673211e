"""A worker that has made many calls beside one that begins, on a machine whose speed changes: fake workers."""

import random

import pytest

from pytest_formfunc.measure.history import MANY, MOST_CALLS, MOST_TIMES, PAIRS, slower_after_calls
from pytest_formfunc.measure.protocol import Disturbance, Round


class Machine:
    """Its speed wanders by a factor of three."""

    def __init__(self, seed):
        self.generator, self.slowness = random.Random(seed), 1.0

    def step(self):
        self.slowness = min(3.0, max(1.0, self.slowness * self.generator.lognormvariate(0.0, 0.15)))
        return self.slowness


class Net:
    """What a call takes: a part that grows with the calls made, and a part that is the process' own.

    A turn has no more than ``most`` calls: its time ends then.
    """

    def __init__(self, machine, made, grows, own=1.0, most=4000):
        self.machine, self.made, self.grows, self.own, self.most, self.turns = machine, made, grows, own, most, []

    def ask(self, turn):
        calls = []
        self.turns.append(turn)
        wanted = min(turn.calls, self.most)
        alike = max(1, wanted // 50)  # of many calls, not each is drawn
        for _ in range(wanted // alike):
            self.made += alike
            calls += [self.machine.step() * self.own * (1 + self.grows * self.made)] * alike
        return Round(tuple(calls), Disturbance(0.0, 0, 0, 0.0, 1.0))


def looked(seed, grows, made=1000, own=1.0, most=4000):
    machine = Machine(seed)
    found = slower_after_calls(Net(machine, made, grows, 1.0, most), Net(machine, 20, grows, own, most), 1e-5)
    return found and found.factor


def test_a_machine_that_slows_down_is_no_growth():
    """Not once in a thousand looks."""
    assert [looked(seed, 0.0) for seed in range(1000)] == [None] * 1000


@pytest.mark.parametrize("own", [0.4, 2.5])
def test_processes_that_differ_are_no_growth(own):
    """One has its memory in a bad place: multi_branch-d2-w16 was once said to grow, which it does not."""
    assert [looked(seed, 0.0, own=own) for seed in range(200)] == [None] * 200


@pytest.mark.parametrize("made", [40, 1000])
def test_a_network_that_keeps_its_inputs_is_slower_than_itself(made):
    """By about the factor of its calls; nearly always, whether its launch made few calls or many."""
    found = [looked(seed, 0.05, made) for seed in range(200)]
    assert sum(one is not None for one in found) > 190
    assert all(2 <= one < 200 for one in found if one)


def test_a_busy_machine_gets_more_time_for_calls_that_get_longer():
    """With a fiftieth of the calls in each turn it is still found nearly always; and nothing where there is nothing."""
    found = [looked(seed, 0.05, 40, most=80) for seed in range(200)]
    assert sum(one is not None for one in found) > 180
    assert [looked(seed, 0.0, 40, most=80) for seed in range(500)] == [None] * 500


def test_only_one_of_them_makes_many_calls():
    """For a limited time; turns are of few calls."""
    old, fresh = Net(Machine(1), 0, 0.0), Net(Machine(0), 0, 0.0)
    slower_after_calls(old, fresh, 1e-6)
    assert old.made <= 2 * PAIRS * MOST_CALLS
    assert fresh.made == old.made + MANY.calls
    assert 0 < MANY.limit_s * MOST_TIMES <= 2


def test_calls_that_stay_as_they_are_are_not_made_again():
    """One turn of them is enough to see that, on a machine that stays as it is."""
    steady = Machine(0)
    steady.step = lambda: 1.0
    fresh, growing = Net(steady, 0, 0.0, most=80), Net(steady, 0, 0.05, most=80)
    slower_after_calls(Net(steady, 0, 0.0), fresh, 1e-6)
    assert fresh.turns.count(MANY) == 1
    slower_after_calls(Net(steady, 0, 0.0), growing, 1e-6)
    assert growing.turns.count(MANY) == MOST_TIMES
