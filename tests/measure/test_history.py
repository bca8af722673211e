"""A worker that has made many calls beside one that begins, on a machine whose speed changes: fake workers."""

import random

from pytest_formfunc.measure.history import MOST_CALLS, PAIRS, slower_than_fresh
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
        self.machine, self.made, self.grows, self.asked = machine, made, grows, 0

    def ask(self, turn):
        calls = []
        for _ in range(turn.discard + turn.calls):
            self.made += 1
            calls.append(self.machine.step() * (1 + self.grows * self.made))
        self.asked += turn.calls
        return Round(tuple(calls[turn.discard :]), Disturbance(0.0, 0, 0, 0.0, 1.0))


def looked(seed, grows):
    machine = Machine(seed)
    return slower_than_fresh(Net(machine, 1000, grows), Net(machine, 20, grows), 1e-5)


def test_a_machine_that_slows_down_is_no_growth():
    """Not once in five hundred looks."""
    assert [looked(seed, 0.0) for seed in range(500)] == [None] * 500


def test_a_network_that_keeps_its_inputs_is_slower_than_itself():
    """By the factor of their numbers of calls, about; nearly always."""
    found = [looked(seed, 0.002) for seed in range(200)]
    assert sum(one is not None for one in found) > 190
    assert all(1.5 <= one < 4 for one in found if one)


def test_the_one_that_begins_makes_few_calls():
    """Else it would grow as well."""
    fresh = Net(Machine(0), 0, 0.0)
    slower_than_fresh(Net(Machine(1), 0, 0.0), fresh, 1e-6)
    assert fresh.asked <= PAIRS * MOST_CALLS
