"""The double ratio and its decision, on samples made up with a known truth."""

import math
import random

import pytest

from pytest_formfunc.gate.decision import decide
from pytest_formfunc.gate.paired_change import PairedRounds, measure_change, only_native_moved


def made_up(seed, *, launches=8, rounds=12, accelerated=1.0, native=1.0, noise=0.02, same_native=False):
    """Make two revisions' samples: a machine's mood that all share, a launch's own, a round's own.

    ``accelerated`` and ``native`` are this revision's latency over the other's.
    """
    generator = random.Random(seed)
    series = {"n": [], "a": [], "nb": [], "ab": []}
    truth = {"n": 8.0 * native, "a": 2.0 * accelerated, "nb": 8.0, "ab": 2.0}
    for _ in range(launches):
        own = {name: generator.gauss(0, noise / 2) for name in series}
        out = {name: [] for name in series}
        for _ in range(rounds):
            mood = generator.choice([0.0, 0.4])
            for name in series:
                out[name].append(truth[name] * math.exp(mood + own[name] + generator.gauss(0, noise)))
        for name, values in out.items():
            series[name].append(values)
    four = (series["n"], series["a"], series["nb"], series["ab"])
    return PairedRounds((series["a"], series["ab"]), four, same_native)


@pytest.mark.parametrize("same_native", [False, True])
def test_the_machines_mood_cancels(same_native):
    """Latencies move by half from round to round; the change is seen to a percent."""
    change = measure_change(made_up(1, accelerated=1.1, same_native=same_native))
    assert change.estimate.value == pytest.approx(1 / 1.1, rel=0.02)
    assert change.estimate.half_width < 0.03


def test_with_the_same_native_program_only_the_accelerated_side_is_judged():
    """Native's own noise has no part in it then, and what it did is still reported."""
    change = measure_change(made_up(2, native=1.2, same_native=True))
    assert change.estimate.value == pytest.approx(1.0, abs=0.02)
    assert change.double.value == pytest.approx(1.2, rel=0.03)
    assert change.native.value == pytest.approx(1 / 1.2, rel=0.03)


def test_more_launches_of_the_accelerated_side_alone_are_used():
    """Escalation measures only what is in doubt."""
    sides = made_up(3, launches=12, same_native=True)
    fewer = PairedRounds(sides.accelerated, tuple(side[:4] for side in sides.all_four), same_native=True)
    change = measure_change(fewer)
    assert len(change.judged.logs) == 12
    assert change.double.n == 4


def verdict(seed, **kwargs):
    return decide(measure_change(made_up(seed, **kwargs)), 0.03, 0.001)


def test_a_clear_loss_is_red_and_a_clear_gain_is_not():
    """Both locks open."""
    assert verdict(4, accelerated=1.1) == "regressed"
    assert verdict(5, accelerated=0.9) == "improved"
    assert verdict(6) == "unchanged"


def test_a_sure_loss_below_the_threshold_is_not_red():
    """Real, and not big enough."""
    assert verdict(7, accelerated=1.015, noise=0.002) == "unchanged"


def test_a_big_loss_that_is_not_sure_is_not_red():
    """Big, and not real: noise of the size of the loss."""
    assert verdict(8, launches=4, accelerated=1.06, noise=0.15) == "inconclusive"


def test_two_launches_decide_nothing():
    """With one degree of freedom any interval is a guess."""
    assert verdict(9, launches=2, accelerated=2.0) == "inconclusive"


def test_a_level_of_zero_never_rejects():
    """A look that may spend nothing sees nothing."""
    assert decide(measure_change(made_up(10, accelerated=1.5)), 0.03, 0.0) == "inconclusive"


@pytest.mark.simulation
def test_unchanged_code_is_red_no_more_often_than_the_level():
    """2,000 comparisons at 2%, with a threshold of nothing: only the first lock holds."""
    reds = sum(
        decide(measure_change(made_up(seed, launches=5, rounds=4)), 1e-9, 0.02) == "regressed" for seed in range(2000)
    )
    assert reds / 2000 < 0.02


def test_native_getting_faster_is_no_regression():
    """The speedup falls, the accelerated side is as fast as it was: a note."""
    change = measure_change(made_up(11, native=0.8))
    assert change.estimate.value == pytest.approx(0.8, rel=0.03)
    assert only_native_moved(change, 0.03)
    assert not only_native_moved(measure_change(made_up(12, accelerated=1.2)), 0.03)


def test_a_small_loss_beside_a_small_gain_of_native_is_not_native_alone():
    """Each is below the threshold, together they are not: the accelerated side had its part in it."""
    change = measure_change(made_up(13, accelerated=1.08, native=0.96, noise=0.005))
    assert decide(change, 0.10, 0.01) == "regressed"
    assert not only_native_moved(change, 0.10)


@pytest.mark.simulation
def test_the_smallest_loss_it_could_have_seen_is_seen_four_times_in_five():
    """What is printed beside an inconclusive verdict is the truth about the comparison's power."""
    smallest = sorted(measure_change(made_up(seed)).smallest_seen(0.001) for seed in range(200))[100]
    seen = sum(
        measure_change(made_up(seed, accelerated=1 / (1 - smallest))).interval(0.001).high < 1
        for seed in range(200, 600)
    )
    assert 0.7 < seen / 400 < 0.9
