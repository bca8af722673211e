"""The change that cases share, by servers: known figures, and the level of its interval by simulation."""

import math

import numpy as np
import pytest
from made_up import EVERYONE, HERE, OTHER, THERE, MadeUp, NotingJudge
from support.pools import noted

from pytest_formfunc.gate.error_budget import Family, alpha_of_single
from pytest_formfunc.gate.paired_change import measure_change
from pytest_formfunc.gate.pooled_change import PooledChange, Stratum, case_change, pool_changes, servers_needed
from pytest_formfunc.gate.side_by_side import _paired_rounds
from pytest_formfunc.stats.servers import mean_over_servers
from pytest_formfunc.stats.student import t_quantile


def pooled(*members):
    return pool_changes(members, [one.changes for one in members])


def test_a_server_is_the_unit_and_not_a_case():
    """Cases that repeat each other on each server are worth no more than one of them."""
    logs = [0.01, 0.03, -0.02, 0.00, 0.02, 0.05]
    alone = mean_over_servers(logs, range(6), None)
    for cases in (1, 2, 7):
        mean = pooled(*[noted(logs)] * cases).mean
        assert (mean.value, mean.standard_error, mean.df) == pytest.approx((alone.value, alone.standard_error, 5.0))


def test_cases_that_cancel_each_other_on_each_server_leave_no_doubt():
    """It is what a server does to all of them together that counts."""
    logs = [0.01, 0.03, -0.02, 0.00, 0.02, 0.05]
    mean = pooled(noted(logs), noted([-0.04 - log for log in logs])).mean
    assert (mean.value, mean.standard_error) == pytest.approx((-0.02, 0.0), abs=1e-12)


def test_launches_of_a_server_are_one_value():
    """However often a case was launched from it."""
    twice = noted([0.01, 0.04, 0.0, 0.02, 0.03, 0.02, 0.0], servers=[0, 1, 2, 3, 4, 1, 1])
    found, once = pooled(twice, twice).mean, pooled(noted([0.01, 0.02, 0.0, 0.02, 0.03])).mean
    assert (found.value, found.standard_error, found.df) == pytest.approx((once.value, once.standard_error, once.df))
    assert case_change(twice) == pytest.approx(math.exp(0.016))


def test_cases_with_further_servers_are_strata():
    """One case has launches from seven servers more; the variances of the two sums add up, by hand here."""
    few, many = [0.00, 0.02, 0.04, 0.01, 0.03], [0.01] * 5 + [0.02, 0.05, 0.0, 0.01, 0.03, 0.04, 0.06]
    change = pooled(noted(few), noted(many))
    assert [one.servers for one in change.strata] == [5, 7]
    both = [one / 10 + other / 24 for one, other in zip(few, many, strict=False)]
    rest = [other / 24 for other in many[5:]]
    variances = [5 * np.var(both, ddof=1), 7 * np.var(rest, ddof=1)]
    assert change.mean.value == pytest.approx(np.mean([np.mean(few), np.mean(many)]))
    assert change.mean.standard_error == pytest.approx(math.sqrt(sum(variances)))
    assert change.mean.df == pytest.approx(sum(variances) ** 2 / (variances[0] ** 2 / 4 + variances[1] ** 2 / 6))


def test_parts_of_a_run_are_independent():
    """Servers of two processes are different ones, though they have the same numbers."""
    logs = [0.01, 0.03, -0.02, 0.00, 0.02, 0.05]
    change = pooled(noted(logs, process="a"), noted(logs, process="b"))
    alone = mean_over_servers(logs, range(6), None)
    assert change.mean.standard_error == pytest.approx(alone.standard_error / math.sqrt(2))
    assert change.mean.df == pytest.approx(10.0)


def test_an_interval_is_no_narrower_than_a_stratum_has_it():
    """Where a small one has nearly all of the variance, Welch and Satterthwaite would take it for more."""
    change = PooledChange((Stratum(-0.01, 16e-6, 5), Stratum(-0.01, 0.5e-6, 7)))
    alone = t_quantile(0.001, 4) * 4e-3
    assert math.log(change.interval(0.001).high) == pytest.approx(-0.02 + alone)
    assert alone > t_quantile(0.001, change.mean.df) * change.mean.standard_error


def test_how_many_servers_a_case_needs():
    """Five, or as many as there are; servers that too few cases share are left out."""
    assert servers_needed([noted([0.0] * 12), noted([0.0] * 3)]) == {"p": 5}
    assert servers_needed([noted([0.0] * 4), noted([0.0] * 3)]) == {"p": 4}
    assert servers_needed([noted([0.0] * 2), noted([0.0] * 12, process="b")]) == {"p": 3, "b": 5}
    change = pooled(noted([0.0, 0.1, 0.2, 0.3, 0.4]), noted([0.0, 0.1, 0.2, 0.3, 0.4, 9.0, 9.0, 9.0, 9.0]))
    assert [one.servers for one in change.strata] == [5]
    assert change.mean.value == pytest.approx(0.2)
    assert not pooled(noted([0.0, 0.1]), noted([0.0] * 12)).enough


def test_equal_launches_leave_no_doubt_and_no_error():
    change = pooled(noted([-0.02] * 6), noted([-0.02] * 12))
    assert change.interval(1e-6).high == pytest.approx(math.exp(-0.02))
    assert change.mean.df >= 5


def test_what_is_noted_is_what_was_judged():
    """A record has the launches of the verdict, with their servers, and the accelerated side's part of them."""
    run = MadeUp(0)
    judge = NotingJudge(OTHER, Family(1), 5.0)
    judged = judge.judge(run.evidence(), 0.03).counterpart.judged
    change = measure_change(_paired_rounds(run, (HERE, THERE), EVERYONE, same_native=True))
    assert [math.log(one) for one in judged.changes] == pytest.approx(list(change.judged.logs))
    assert judged.servers == change.judged.servers
    assert (judged.accelerated, judged.means, judged.own_servers) == (judged.changes, "found", False)
    run.begin()
    assert judge.judge(run.evidence(), 0.03).counterpart.judged.process == judged.process
    assert NotingJudge(OTHER, Family(1), 5.0)._process != judged.process


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("sizes", "scales"),
    [((12,), (1,)), ((5, 7), (1, 1)), ((5, 7), (4, 1)), ((5, 7), (1, 4)), ((5, 12), (3, 1)), ((12, 12), (1, 1))],
)
@pytest.mark.parametrize("alpha", [0.05, 0.002])
def test_strata_of_any_scatter_keep_the_level(sizes, scales, alpha):
    """Their sums are drawn, and each interval is that of the code; four standard errors are left to chance."""
    generator, repeats = np.random.default_rng(0), 4000 if alpha > 0.01 else 20000
    lost = 0
    for _ in range(repeats):
        draws = [generator.normal(0, scale / 100, size) for size, scale in zip(sizes, scales, strict=True)]
        strata = [Stratum(float(one.sum()), float(len(one) * one.var(ddof=1)), len(one)) for one in draws]
        change = PooledChange(tuple(strata))
        if change.mean.value < -1.5 * change.mean.standard_error:  # else no quantile is needed
            lost += change.interval(2 * alpha).high < 1
    assert lost <= repeats * alpha + 4 * math.sqrt(repeats * alpha)


@pytest.mark.simulation
@pytest.mark.parametrize("common", [0.0, 0.03])
def test_pools_of_unchanged_code_lose_no_more_often_than_their_level(common):
    """At 5%, and without the lock that the estimate is big enough. Single cases stop when they are sure, so that they
    have unlike numbers of launches; what a server does to all cases of a run may be as much as launches differ.
    """
    run, lost, repeats = MadeUp(11, common=common), 0, 250
    for _ in range(repeats):
        run.begin_run()
        judge, members = NotingJudge(OTHER, Family(3, alpha_of_single(3)), 6.0), []
        for _ in range(3):
            run.begin()
            members.append(judge.judge(run.evidence(), 0.03).counterpart.judged)
        lost += pooled(*members).interval(2 * 0.05).high < 1
    assert lost <= 24  # 12.5 are expected at most, and no more than 24 with a probability of 99.9%
