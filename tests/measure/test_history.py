"""A worker that has made many calls beside one that begins, on a machine whose speed changes: fake workers."""

import random

from pytest_formfunc.measure.history import MOST_CALLS, MOST_DISCARDED, PAIRS, slower_than_fresh
from pytest_formfunc.measure.protocol import Disturbance, Round


class Machine:
    """Its speed wanders by a factor of three."""

    def __init__(self, seed):
        self.generator, self.slowness = random.Random(seed), 1.0

    def step(self):
        self.slowness = min(3.0, max(1.0, self.slowness * self.generator.lognormvariate(0.0, 0.15)))
        return self.slowness


class Net:
    def __init__(self, machine, made, grows):
        self.machine, self.made, self.grows, self.turns = machine, made, grows, []

    def ask(self, turn):
        calls = []
        self.turns.append(turn)
        for _ in range(turn.discard + turn.calls):
            self.made += 1
            calls.append(self.machine.step() * (1 + self.grows * self.made))
        return Round(tuple(calls[turn.discard :]), Disturbance(0.0, 0, 0, 0.0, 1.0))


def looked(seed, grows, made=1000):
    machine = Machine(seed)
    return slower_than_fresh(Net(machine, made, grows), Net(machine, 20, grows), 1e-5)


def test_a_machine_that_slows_down_is_no_growth():
    """Not once in five hundred looks."""
    assert [looked(seed, 0.0) for seed in range(500)] == [None] * 500


def test_a_network_that_keeps_its_inputs_is_slower_than_itself():
    """By about the factor of their calls; nearly always."""
    found = [looked(seed, 0.002) for seed in range(200)]
    assert sum(one is not None for one in found) > 190
    assert all(1.5 <= one < 6 for one in found if one)


def test_a_launch_of_few_calls_is_enough():
    """Beside other programs it makes no more, and the one that begins would catch up with it."""
    found = [looked(seed, 0.05, made=40) for seed in range(200)]
    assert sum(one is not None for one in found) > 190


def test_the_one_that_begins_makes_few_calls():
    """Else it would grow as well. The other one makes more before they begin, for a limited time."""
    old, fresh = Net(Machine(1), 0, 0.0), Net(Machine(0), 0, 0.0)
    slower_than_fresh(old, fresh, 1e-6)
    assert fresh.made <= PAIRS * (MOST_CALLS + MOST_DISCARDED) < old.turns[0].calls / 4
    assert 0 < old.turns[0].limit_s <= 1
