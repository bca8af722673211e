"""No part of the probability of a false alarm is spent twice."""

import random

import pytest

from pytest_formfunc.gate.error_budget import Family, Looks, spent_by


@pytest.mark.parametrize("fractions", [(1.0,), (0.1, 1.0), (0.125, 0.25, 0.5, 1.0), (0.3, 0.3, 0.9, 1.0), (0.5, 2.0)])
def test_all_looks_together_spend_the_whole_level(fractions):
    """This holds for any number of looks, even for two looks at the same samples."""
    looks = Looks(0.01)
    shares = [looks.next_alpha(fraction) for fraction in fractions]
    assert sum(shares) == pytest.approx(0.01)
    assert min(shares) >= 0
    assert looks.taken == len(fractions)


def test_spending_grows_with_the_samples():
    """Nothing is spent at the start, and everything at the end."""
    values = [spent_by(0.05, index / 20) for index in range(21)]
    assert values == sorted(values)
    assert values[0] == 0
    assert values[-1] == pytest.approx(0.05)


def test_a_level_that_found_a_change_is_passed_on():
    """The next comparison has its own share and that of the one before, but only its own after one without a change."""
    family = Family(4, 0.04)
    first = family.next_looks()
    assert first.alpha == pytest.approx(0.01)
    family.settle(first, rejected=True)
    second = family.next_looks()
    assert second.alpha == pytest.approx(0.02)
    second.next_alpha(1.0)
    family.settle(second, rejected=False)
    assert family.next_looks().alpha == pytest.approx(0.01)


def test_a_level_that_was_spent_in_part_is_not_passed_on():
    """A comparison that looked and came to no verdict has spent it; one that never looked hands on what it was given."""
    family = Family(4, 0.04)
    family.settle(family.next_looks(), rejected=True)
    unspent = family.next_looks()
    family.settle(unspent, rejected=False)
    spent = family.next_looks()
    assert spent.alpha == unspent.alpha == pytest.approx(0.02)
    spent.next_alpha(0.5)
    family.settle(spent, rejected=False)
    assert family.next_looks().alpha == pytest.approx(0.01)


@pytest.mark.simulation
def test_any_false_alarm_among_true_and_false_hypotheses_is_as_rare_as_promised():
    """20,000 families of 8 at 10%, with uniform p-values for unchanged cases and zero for changed ones."""
    generator = random.Random(2)
    alarms = 0
    for _ in range(20_000):
        changed = [generator.random() < 0.3 for _ in range(8)]
        family = Family(8, 0.1)
        wrong = False
        for is_changed in changed:
            looks = family.next_looks()
            rejected = is_changed or generator.random() < looks.next_alpha(1.0)
            wrong |= rejected and not is_changed
            family.settle(looks, rejected)
        alarms += wrong
    assert 0.05 < alarms / 20_000 < 0.104
