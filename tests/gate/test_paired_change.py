"""The change of a speedup and the decision on it, from made-up samples with a known change."""

import math
import random

import pytest

from pytest_formfunc.gate.decision import decide
from pytest_formfunc.gate.paired_change import PairedRounds, measure_change, only_native_moved


def made_up(seed, *, launches=8, rounds=12, accelerated=1.0, native=1.0, noise=0.02, same_native=False, pool=64):
    """Make samples of two revisions, which vary with the machine's speed, the server and the round.

    ``accelerated`` and ``native`` are latency here / latency there; launches are forked from ``pool`` servers in turn.
    """
    generator = random.Random(seed)
    series = {"native here": [], "accelerated here": [], "native there": [], "accelerated there": []}
    truth = dict(zip(series, (8.0 * native, 2.0 * accelerated, 8.0, 2.0), strict=True))
    servers = [launch % pool for launch in range(launches)]
    of_server = {server: {name: generator.gauss(0, noise / 2) for name in series} for server in dict.fromkeys(servers)}
    for server in servers:
        own = of_server[server]
        out = {name: [] for name in series}
        for _ in range(rounds):
            machine = generator.choice([0.0, 0.4])
            for name in series:
                out[name].append(truth[name] * math.exp(machine + own[name] + generator.gauss(0, noise)))
        for name, values in out.items():
            series[name].append(values)
    pair = (series["accelerated here"], series["accelerated there"])
    return PairedRounds(pair, servers, tuple(series.values()), servers, same_native)


@pytest.mark.parametrize("same_native", [False, True])
def test_changes_of_the_machines_speed_cancel(same_native):
    """Latencies vary by half from round to round, but the change is found within a percent."""
    change = measure_change(made_up(1, accelerated=1.1, same_native=same_native))
    assert change.estimate.value == pytest.approx(1 / 1.1, rel=0.02)
    assert change.estimate.half_width < 0.03


def test_with_the_same_native_program_only_accelerated_latencies_are_judged():
    """Native's noise then has no influence, but its change is still reported."""
    change = measure_change(made_up(2, native=1.2, same_native=True))
    assert change.estimate.value == pytest.approx(1.0, abs=0.02)
    assert change.native.value == pytest.approx(1 / 1.2, rel=0.03)


def test_launches_of_only_the_accelerated_participants_are_used():
    """Further looks measure only the participants in doubt."""
    rounds = made_up(3, launches=12, same_native=True)
    fewer = PairedRounds(
        rounds.accelerated, rounds.servers, tuple(series[:4] for series in rounds.all_four), rounds.servers[:4], True
    )
    change = measure_change(fewer)
    assert len(change.judged.logs) == 12
    assert change.native.n == 4


def verdict(seed, **kwargs):
    return decide(measure_change(made_up(seed, **kwargs)), 0.03, 0.001)


def test_a_clear_loss_is_a_regression_and_a_clear_gain_is_not():
    """The change is both real and big enough."""
    assert verdict(4, accelerated=1.1) == "regressed"
    assert verdict(5, accelerated=0.9) == "improved"
    assert verdict(6) == "unchanged"


def test_a_certain_loss_below_the_threshold_is_not_a_regression():
    """The loss is real but not big enough."""
    assert verdict(7, accelerated=1.015, noise=0.002) == "unchanged"


def test_a_big_loss_that_is_not_certain_is_not_a_regression():
    """The loss is big enough but may not be real, because the noise is as large."""
    assert verdict(8, launches=4, accelerated=1.06, noise=0.15) == "inconclusive"


@pytest.mark.parametrize(("launches", "pool"), [(2, 64), (12, 2)])
def test_two_servers_decide_nothing(launches, pool):
    """An interval with one degree of freedom is only a guess, however many launches the two have."""
    assert verdict(9, launches=launches, pool=pool, accelerated=2.0) == "inconclusive"
    assert verdict(9, launches=12, pool=3, accelerated=2.0, noise=0.002) == "regressed"


def test_a_level_of_zero_never_rejects():
    """A look that may spend nothing finds nothing."""
    assert decide(measure_change(made_up(10, accelerated=1.5)), 0.03, 0.0) == "inconclusive"


@pytest.mark.simulation
@pytest.mark.parametrize(("launches", "pool", "most"), [(5, 64, 0.02), (10, 5, 0.02 + 0.006)])  # 0.006: two errors
def test_unchanged_code_is_a_regression_no_more_often_than_the_level(launches, pool, most):
    """2,000 comparisons at 2% with a threshold of zero, so that only the interval protects."""
    reds = sum(
        decide(measure_change(made_up(seed, launches=launches, rounds=4, pool=pool)), 1e-9, 0.02) == "regressed"
        for seed in range(2000)
    )
    assert reds / 2000 < most


def test_native_getting_faster_is_not_a_regression():
    """If the speedup falls but the accelerated latency does not rise, this is only noted."""
    change = measure_change(made_up(11, native=0.8))
    assert change.estimate.value == pytest.approx(0.8, rel=0.03)
    assert only_native_moved(change, 0.03)
    assert not only_native_moved(measure_change(made_up(12, accelerated=1.2)), 0.03)


def test_a_small_loss_beside_a_small_gain_of_native_is_not_native_alone():
    """Each is below the threshold and together they are not, so the accelerated latency has a part in it."""
    change = measure_change(made_up(13, accelerated=1.08, native=0.96, noise=0.005))
    assert decide(change, 0.10, 0.01) == "regressed"
    assert not only_native_moved(change, 0.10)


@pytest.mark.simulation
def test_the_smallest_loss_it_could_have_seen_is_detected_four_times_in_five():
    """The figure in the sentence of an inconclusive verdict is right about the power of the comparison."""
    smallest = sorted(measure_change(made_up(seed)).smallest_seen(0.001) for seed in range(200))[100]
    seen = sum(
        measure_change(made_up(seed, accelerated=1 / (1 - smallest))).interval(0.001).high < 1
        for seed in range(200, 600)
    )
    assert 0.7 < seen / 400 < 0.9
