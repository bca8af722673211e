"""The mean over servers: what counts as one value, few servers, and how often the interval holds the truth."""

import functools
import math

import numpy as np
import pytest

from pytest_formfunc.measure.schedule import WANTED_LAUNCHES, why_stop
from pytest_formfunc.stats import servers as servers_module
from pytest_formfunc.stats.servers import ENOUGH_SERVERS, KEPT_SD, by_server, estimate_over_servers, mean_over_servers
from pytest_formfunc.stats.student import t_quantile

TRUTH = 1.25


@pytest.fixture
def quick_quantiles(monkeypatch):
    """Thousands of intervals need few different quantiles."""
    known = functools.cache(t_quantile)
    monkeypatch.setattr(servers_module, "t_quantile", lambda alpha, df: known(alpha, round(df, 6)))


def draw(generator, launches, pool, server_sd, launch_sd):
    """Draw the log ratio of each launch, and the server that it was forked from."""
    of_server = generator.normal(math.log(TRUTH), server_sd, pool)
    logs = generator.normal(0, launch_sd, launches)
    servers = [launch % pool for launch in range(launches)]
    return [of_server[server] + log for server, log in zip(servers, logs, strict=True)], servers


def holds(estimate):
    return estimate.low <= TRUTH <= estimate.high


def errors_below(share, count):
    """Return a share less two standard errors of a share of so many draws."""
    return share - 2 * math.sqrt(share * (1 - share) / count)


def test_launches_of_a_server_are_one_value():
    """Three launches that agree are no more evidence of how servers differ than one."""
    once = estimate_over_servers([0.1, 0.2, 0.3, 0.4, 0.5], range(5), KEPT_SD)
    thrice = estimate_over_servers([0.1, 0.2, 0.3, 0.4, 0.5] * 3, [*range(5)] * 3, KEPT_SD)
    assert (once.value, once.low, once.high) == pytest.approx((thrice.value, thrice.low, thrice.high))
    assert once.n == thrice.n == 5
    assert once.half_width > 2 * estimate_over_servers([0.1, 0.2, 0.3, 0.4, 0.5] * 3, range(15), KEPT_SD).half_width


def test_servers_have_equal_weights_however_many_launches_each_has():
    """Unless launches have weights of their own."""
    assert by_server([0.0, 0.0, 0.0, 0.4], [3, 3, 3, 1]) == ([0.0, 0.4], [1.0, 1.0])
    means, weights = by_server([0.0, 0.3, 0.4], [3, 3, 1], [1.0, 2.0, 5.0])
    assert means == pytest.approx([0.2, 0.4])
    assert weights == [3.0, 5.0]


def test_from_five_servers_on_it_is_students_interval():
    """Of the servers' own scatter alone."""
    logs = [0.30, 0.10, 0.42, 0.15, 0.51]
    found = estimate_over_servers(logs, range(5), KEPT_SD)
    reach = t_quantile(0.05, 4) * np.std(logs, ddof=1) / math.sqrt(5)
    assert found.value == pytest.approx(math.exp(np.mean(logs)))
    assert math.log(found.high / found.value) == pytest.approx(reach)
    assert math.log(found.value / found.low) == pytest.approx(reach)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_scatter_of_fewer_is_moderated(count):
    """By a scale that counts for four degrees of freedom: servers that happen to agree do not make it narrow."""
    alike = mean_over_servers([0.2] * count, range(count), 0.05)
    assert alike.df == pytest.approx(4 + count - 1)
    assert alike.standard_error == pytest.approx(0.05 * math.sqrt(4 / (4 + count - 1) / count))
    apart = mean_over_servers([0.2 * one for one in range(count)], range(count), 0.05)
    assert apart.standard_error > alike.standard_error
    plain = mean_over_servers([0.2 * one for one in range(count)], range(count), None)
    assert apart.standard_error < plain.standard_error
    assert plain.df == pytest.approx(count - 1)


def test_one_server_has_an_open_interval():
    """However many launches it has: nothing shows how servers differ."""
    found = estimate_over_servers([0.1, 0.3], [7, 7], KEPT_SD)
    assert found.value == pytest.approx(math.exp(0.2))
    assert (found.low, found.high, found.n) == (0.0, math.inf, 1)


@pytest.mark.simulation
@pytest.mark.usefixtures("quick_quantiles")
@pytest.mark.parametrize("count", [5, 8, 12])
@pytest.mark.parametrize("each", [1, 3])
@pytest.mark.parametrize(("server_sd", "launch_sd"), [(0.0, 0.02), (0.03, 0.03), (0.30, 0.05)])
def test_the_interval_covers_the_truth_at_its_level(count, each, server_sd, launch_sd):
    """2,000 draws of that many servers with that many launches each, whatever part of the scatter is theirs."""
    generator = np.random.default_rng(count * 10 + each)
    held = sum(
        holds(estimate_over_servers(*draw(generator, count * each, count, server_sd, launch_sd), KEPT_SD))
        for _ in range(2000)
    )
    assert 0.935 < held / 2000 < 0.965


@pytest.mark.simulation
@pytest.mark.usefixtures("quick_quantiles")
@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("each", [1, 3])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_moderated_interval_covers_the_truth_up_to_its_scale(count, each, share):
    """Where servers' means scatter by the scale or less, it is wide rather than wrong."""
    generator = np.random.default_rng(count * 10 + each)
    launch_sd = 0.2 * share * KEPT_SD * math.sqrt(each)  # that of a server's mean is 0.2 of the share
    server_sd = math.sqrt(1 - 0.2**2) * share * KEPT_SD
    held = sum(
        holds(estimate_over_servers(*draw(generator, count * each, count, server_sd, launch_sd), KEPT_SD))
        for _ in range(1000)
    )
    assert held / 1000 >= 0.94


@pytest.mark.simulation
@pytest.mark.usefixtures("quick_quantiles")
@pytest.mark.parametrize("most", [14, 40])  # launches in the default budget of a small case, and at most
@pytest.mark.parametrize(
    ("server_sd", "launch_sd", "least"),
    [
        (0.0, 0.01, 0.94), (0.0, 0.03, 0.94), (0.02, 0.0, 0.94), (0.02, 0.02, 0.94),
        (0.0, 0.05, 0.92), (0.03, 0.05, 0.92), (0.10, 0.05, 0.92), (0.30, 0.05, 0.92),
    ],
)  # fmt: skip
def test_to_stop_when_it_is_precise_costs_little_coverage(most, server_sd, launch_sd, least):
    """Stopping chooses moments at which launches agree; to ask for two such moments in turn keeps that small.

    At least 94% for a scatter of up to 3%, and 92% in all, to within two standard errors of 1,000 draws.
    """
    generator = np.random.default_rng(most)
    held, draws = 0, 1000
    for _ in range(draws):
        logs, servers = draw(generator, most, 12, server_sd, launch_sd)
        widths, reason = [math.inf] * (WANTED_LAUNCHES - 2), None
        for made in range(WANTED_LAUNCHES - 1, most + 1):
            estimate = estimate_over_servers(logs[:made], servers[:made], KEPT_SD)
            widths.append(estimate.half_width)
            reason = why_stop(servers[:made], made, 12, widths, 0.03, 0.5 * (most - made), 0.5)
            if reason is not None:
                break
        assert reason is not None
        held += holds(estimate)
    assert held / draws >= errors_below(least, draws)


def test_few_servers_are_those_without_enough():
    """The scale counts below five, and the fewest launches that can be precise are more than that."""
    assert ENOUGH_SERVERS == 5
    assert WANTED_LAUNCHES > ENOUGH_SERVERS
