"""The statistics that benches print: exact where that is possible, and as often right as they say."""

import math

import numpy as np
import pytest
from intervals import (
    Rows,
    at_least,
    beside,
    between_runs,
    binomial_interval,
    bound,
    chi_square_quantile,
    compare_repeats,
    count_held,
    difference,
    in_errors,
    is_beyond,
    log_of,
    mean_of_others,
    mean_of_rows,
    median_ratio,
    weighted_difference,
    welch_ratio,
    within,
)

from pytest_formfunc.stats import Estimate, estimate_over_servers
from pytest_formfunc.stats.student import Mean


def test_binomial_tails_are_exact():
    assert at_least(2, 3, 0.5) == pytest.approx(0.5)
    assert at_least(0, 60, 0.05) == pytest.approx(1.0)
    assert at_least(1, 60, 0.05) == pytest.approx(1 - 0.95**60)


def test_binomial_intervals_are_those_of_clopper_and_pearson():
    """Values from the tables in common use: 1 of 10, and none or all of 10."""
    assert binomial_interval(1, 10) == pytest.approx((0.0025, 0.4450), abs=5e-5)
    assert binomial_interval(0, 10) == pytest.approx((0.0, 0.3085), abs=5e-5)
    assert binomial_interval(10, 10) == pytest.approx((0.6915, 1.0), abs=5e-5)


def test_no_events_leave_a_rule_of_three():
    assert bound(0, 300) == pytest.approx(0.01, rel=0.01)
    assert bound(0, 0) == 1.0
    assert 0.05 < bound(5, 100) < 0.12


def test_welchs_interval_is_students_where_samples_are_alike():
    """Two samples of equal size and variance: 2 (n - 1) degrees of freedom."""
    found = welch_ratio([0.1, 0.2, 0.3], [0.0, 0.1, 0.2])
    assert found.value == pytest.approx(math.exp(0.1))
    assert math.log(found.high) - 0.1 == pytest.approx(2.776 * 0.1 * math.sqrt(2 / 3), rel=1e-3)


def test_an_error_much_greater_than_the_other_brings_its_own_degrees_of_freedom():
    assert difference(Mean(1.0, 0.1, 5.0), Mean(0.0, 1e-6, 99.0)).df == pytest.approx(5.0, rel=1e-3)
    assert difference(Mean(1.0, 0.1, 5.0), Mean(0.0, 0.1, 5.0)).df == pytest.approx(10.0)


@pytest.mark.parametrize("count", [3, 6])
def test_an_estimate_gives_back_the_error_that_its_interval_came_from(count):
    """Fewer than five servers are moderated, and have the degrees of freedom of that."""
    logs = [0.01 * index for index in range(count)]
    found = log_of(estimate_over_servers(logs, range(count), 0.05))
    assert found.value == pytest.approx(sum(logs) / count)
    assert found.df == (count - 1 if count >= 5 else count + 3)
    if count >= 5:
        assert found.standard_error == pytest.approx(float(np.std(logs, ddof=1)) / math.sqrt(count))


def test_the_mean_of_others_leaves_one_out_and_weighs_by_precision():
    means = [Mean(9.0, 0.1, 5.0), Mean(1.0, 0.1, 5.0), Mean(2.0, 0.2, 5.0)]
    assert mean_of_others(means, 0).value == pytest.approx((4 * 1.0 + 2.0) / 5)


def test_rows_beside_a_reference_are_right_missed_or_claim_nothing():
    reference = {"a": Estimate(2.0, 1.98, 2.02, n=12), "b": Estimate(3.0, 2.97, 3.03, n=12), "c": None}
    found = {"a": Estimate(2.01, 1.99, 2.03, n=12), "b": Estimate(9.0, 8.9, 9.1, n=12), "c": Estimate(1, 1, 1, n=12)}
    rows = beside(found, reference) + beside({"a": None}, reference)
    assert rows == Rows(2, ("b",), 1)
    assert rows.chance == pytest.approx(1 - 0.95**2)


def test_an_error_of_the_reference_widens_the_interval():
    found = {"a": Estimate(2.1, 2.08, 2.12, n=12)}
    assert beside(found, {"a": Estimate(2.0, 1.99, 2.01, n=12)}).missed == ("a",)
    assert beside(found, {"a": Estimate(2.0, 1.85, 2.16, n=12)}).missed == ()


def test_repeats_of_the_same_are_beyond_as_often_as_due():
    """Six servers a run: two standard errors are beyond more often than 5%, the intervals are not."""
    generator = np.random.default_rng(0)
    differences = []
    for _ in range(400):
        one, other = (log_of(estimate_over_servers(generator.normal(0, 0.03, 6), range(6), None)) for _ in range(2))
        differences.append(difference(one, other))
    found = compare_repeats(differences)
    assert found.count == 400
    assert 0.06 * 400 < found.due < 0.1 * 400
    assert found.beyond == pytest.approx(found.due, abs=15)
    assert found.outside == pytest.approx(20, abs=12)


def test_the_value_of_other_repeats_is_held_as_often_as_intervals_say():
    generator = np.random.default_rng(1)
    missed = 0
    for _ in range(30):
        means = [log_of(estimate_over_servers(generator.normal(0, 0.03, 8), range(8), None)) for _ in range(14)]
        missed += sum(is_beyond(difference(mean, mean_of_others(means, at))) for at, mean in enumerate(means))
    assert at_least(missed, 30 * 14, 0.05) > 0.01
    assert missed > 4


def test_a_difference_without_error_is_infinitely_many_of_them():
    assert in_errors(Mean(-0.1, 0.0, 1.0)) == -math.inf
    assert in_errors(Mean(0.2, 0.1, 1.0)) == pytest.approx(2.0)


def test_a_median_ratio_lies_in_its_interval():
    found = median_ratio([0.97, 0.99, 1.0, 1.01, 1.04])
    assert found.low <= found.value == 1.0 <= found.high
    assert within(found, 0.03)


def test_rows_of_few_repeats_are_not_counted():
    few = [Mean(0.0, 0.1, 5.0)] * 3
    assert count_held({"few": few, "enough": [*few, Mean(9.0, 0.1, 5.0)]}) == (3, 4)


def test_what_moves_all_rows_of_a_run_is_their_weighted_difference():
    mean, error = weighted_difference([Mean(0.02, 0.01, 9.0), Mean(0.05, 0.02, 9.0)])
    assert mean == pytest.approx((4 * 0.02 + 0.05) / 5)
    assert error == pytest.approx(0.01 * math.sqrt(4 / 5))


# NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.4 (critical values, lower tail 0.05 and upper tail 0.05).
# https://www.itl.nist.gov/div898/handbook/eda/section3/eda3674.htm
CHI_SQUARE = {1: (0.004, 3.841), 2: (0.103, 5.991), 5: (1.145, 11.070), 10: (3.940, 18.307), 30: (18.493, 43.773)}


@pytest.mark.parametrize("df", CHI_SQUARE)
def test_chi_square_quantiles_are_those_of_the_published_table(df):
    found = chi_square_quantile(0.05, df), chi_square_quantile(0.95, df)
    assert found == pytest.approx(CHI_SQUARE[df], abs=6e-4)


def test_a_mean_of_rows_has_the_error_that_theirs_give_it():
    """Four of equal error have half of it, and four times the degrees of freedom."""
    found = mean_of_rows([Mean(value, 0.02, 5.0) for value in (0.1, 0.2, 0.3, 0.4)])
    assert (found.value, found.standard_error, found.df) == pytest.approx((0.25, 0.01, 20.0))
    assert mean_of_rows([Mean(0.1, 0.0, 5.0)] * 2) == Mean(0.1, 0.0, 10.0)


def test_what_runs_differ_by_is_what_their_errors_do_not_explain():
    """Three runs 0, 2 and 4% scatter by 2%, of which their errors are 1%."""
    found = between_runs([Mean(value, 0.01, 9.0) for value in (0.0, 0.02, 0.04)])
    assert math.log(found.mean.value) == pytest.approx(0.02)
    assert math.log(found.mean.high) == pytest.approx(0.02 + 4.303 * 0.02 / math.sqrt(3), abs=1e-5)
    assert found.sd == pytest.approx(math.sqrt(0.02**2 - 0.01**2))
    assert found.most == pytest.approx(math.sqrt(0.02**2 * 2 / 0.10259 - 0.01**2), rel=1e-4)
    assert between_runs([Mean(value, 0.05, 9.0) for value in (0.0, 0.02, 0.04)]).sd == 0.0


@pytest.mark.simulation
@pytest.mark.parametrize("bias", [0.0, 0.01, 0.04])
def test_a_bias_of_the_side_is_found_as_large_as_it_is(bias):
    """The variance is right in the mean, and the bound is above the truth 19 times in 20, over 4,000 sets of runs."""
    generator = np.random.default_rng(7)
    squares, above = [], 0
    for _ in range(4000):
        values = generator.normal(0, math.hypot(bias, 0.01), 8)
        found = between_runs([Mean(float(value), 0.01, 20.0) for value in values])
        squares.append(found.sd**2)
        above += found.most >= bias
    if bias > 0.01:  # with less, many sets have less scatter than their errors, which counts as none
        assert math.sqrt(np.mean(squares)) == pytest.approx(bias, rel=0.03)
    assert above / 4000 > 0.94
    assert above / 4000 < 0.96 or not bias
