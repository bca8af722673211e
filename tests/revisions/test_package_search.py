"""The search for the package that lost a speedup, with a function as its judge: every culprit, and what cannot work."""

import itertools

import pytest

from pytest_formfunc.revisions.comparing import KEPT, LOST, UNKNOWN
from pytest_formfunc.revisions.package_search import group_pinned, search


class Judge:
    """Says whether a set of packages from the old environment brings the speedup back.

    Args:
        culprits: packages that have to come from there together.
        apart: pairs of packages that work only if both or neither come from there.
        broken: packages without which, from there, nothing works.
    """

    def __init__(self, culprits, apart=(), broken=()):
        self.culprits, self.apart, self.broken = set(culprits), apart, set(broken)
        self.asked = []

    def __call__(self, chosen):
        assert chosen not in self.asked, "a comparison takes a minute: none is made twice"
        self.asked.append(chosen)
        if any((one in chosen) != (other in chosen) for one, other in self.apart) or self.broken & chosen:
            return UNKNOWN
        return LOST if self.culprits <= chosen else KEPT


def names(count):
    return [f"p{index:02}" for index in range(count)]


def singles(all_names):
    return [(name,) for name in all_names]


def even(all_names):
    return dict.fromkeys(all_names, 1.0)


@pytest.mark.parametrize("count", [2, 3, 5, 8, 13, 40])
def test_every_single_culprit_is_found_in_few_comparisons(count):
    """A comparison of its own confirms each; that is one more than halving needs."""
    for culprit in names(count):
        judge = Judge([culprit])
        answer = search(singles(names(count)), even(names(count)), judge)
        assert (answer.packages, answer.confirmed, answer.suspects) == ((culprit,), True, ())
        assert frozenset([culprit]) in judge.asked
        assert len(judge.asked) <= (count - 1).bit_length() + 1


def test_the_likeliest_is_looked_at_alone_first():
    judge = Judge(["engine"])
    weights = even(names(7)) | {"engine": 16.0}
    assert search(singles([*names(7), "engine"]), weights, judge).packages == ("engine",)
    assert judge.asked == [frozenset(["engine"])]


@pytest.mark.parametrize("culprits", [*itertools.combinations(names(6), 2), *itertools.combinations(names(6), 3)])
def test_several_together_are_found_together(culprits):
    """No single one of them has the loss; none is named that is not needed."""
    answer = search(singles(names(6)), even(names(6)), Judge(culprits))
    assert (sorted(answer.packages), answer.confirmed, answer.together) == ([*culprits], True, True)


@pytest.mark.parametrize("culprit", names(6))
@pytest.mark.parametrize("pair", [*itertools.combinations(names(6), 2)])
def test_packages_that_do_not_work_apart_stay_suspects_together(culprit, pair):
    """A culprit outside of such a pair is found all the same."""
    answer = search(singles(names(6)), even(names(6)), Judge([culprit], apart=[pair]))
    if culprit in pair:
        assert not answer.confirmed
        assert sorted(answer.suspects) == [*pair]
    else:
        assert (answer.packages, answer.confirmed) == ((culprit,), True)


@pytest.mark.parametrize("culprit", names(5))
@pytest.mark.parametrize("broken", names(5))
def test_a_package_that_works_nowhere_else_hides_no_other(culprit, broken):
    """The other packages are tried one by one where no half can be judged."""
    answer = search(singles(names(5)), even(names(5)), Judge([culprit], broken=[broken]))
    if culprit == broken:
        assert not answer.confirmed
        assert broken in (*answer.packages, *answer.suspects)
    else:
        assert (answer.packages, answer.confirmed) == ((culprit,), True)


def test_where_nothing_can_be_judged_all_are_suspects():
    answer = search(singles(names(4)), even(names(4)), lambda chosen: UNKNOWN)
    assert (answer.packages, answer.confirmed, sorted(answer.suspects)) == ((), False, names(4))


def test_packages_with_pins_are_looked_at_together_and_then_apart():
    """The group is an answer where its packages do not work apart; where they do, the one of them is."""
    pins = {"p01": ["p02", "other"], "p03": ["p02"]}
    groups = group_pinned(names(6), pins)
    assert sorted(groups) == [("p00",), ("p01", "p02", "p03"), ("p04",), ("p05",)]
    assert search(groups, even(names(6)), Judge(["p02"])).packages == ("p02",)
    glued = Judge(["p02"], apart=[("p01", "p02"), ("p02", "p03")])
    answer = search(groups, even(names(6)), glued)
    assert (sorted(answer.packages), answer.confirmed) == (["p01", "p02", "p03"], True)
