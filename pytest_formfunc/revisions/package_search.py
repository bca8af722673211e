"""Search which packages of an upgrade lost a speedup: which sets to take from the old environment, and what follows.

A set of packages from the old environment, and all others from the new one, is compared with the new environment.
Where the loss is still seen, going back with this set is what brings the speedup back, so that its cause is in the set.
These are pure functions: a judge is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from pytest_formfunc.revisions.comparing import KEPT, LOST, narrow

Judge = Callable[[frozenset[str]], str]
Group = tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What a search found.

    Attributes:
        packages: what has to come from the old environment together for the loss to be seen; none if `suspects` has
            all that is known.
        confirmed: whether a comparison with nothing but these from the old environment saw the loss.
        suspects: one of these as well; they could not be told apart.
        together: whether no single one of all these has the loss.
    """

    packages: tuple[str, ...] = ()
    confirmed: bool = False
    suspects: tuple[str, ...] = ()
    together: bool = False


def group_pinned(names: Sequence[str], pins: Mapping[str, Collection[str]]) -> list[Group]:
    """Return groups of packages that require each other in exactly one version, and so do not work apart.

    >>> group_pinned(["numpy", "torch", "triton"], {"torch": ["triton", "sympy"]})
    [('numpy',), ('torch', 'triton')]
    """
    group_of = {name: [name] for name in names}
    for name in names:
        for other in pins.get(name, ()):
            if other in group_of and group_of[other] is not group_of[name]:
                joined = group_of[name] + group_of[other]
                group_of |= dict.fromkeys(joined, joined)
    return [tuple(sorted(group, key=names.index)) for group in {id(one): one for one in group_of.values()}.values()]


def search(groups: Sequence[Group], weights: Mapping[str, float], judge: Judge) -> Answer:
    """Find the smallest set of packages that the loss is seen with.

    The groups are put into one row, likeliest first. The smallest start of the row that has the loss ends with a
    culprit. Each look is at the start that halves the probability, so that a package that has half of it is looked at
    alone, and at once. If the culprit by itself has no loss it takes several, and the search goes on before it.

    Args:
        groups: packages that cannot be used apart stand together; with all of them the loss is seen.
        weights: how likely it is each of them; the sum need not be 1.
        judge: compares the new environment with that which has this set from the old one; returns ``LOST``, ``KEPT``
            or ``UNKNOWN``. It is not asked twice about the same set, nor about all of them.
    """
    row = sorted(groups, key=lambda group: -sum(weights[name] for name in group))
    known: dict[frozenset[str], str] = {frozenset(_names(row)): LOST}

    def ask(chosen: Sequence[Group]) -> str:
        names = frozenset(_names(chosen))
        if names not in known:
            known[names] = judge(names)
        return known[names]

    found: list[Group] = []
    while True:
        low, high = _narrow(row, found, weights, ask)
        suspects = row[low:high]
        if len(suspects) > 1:
            outcomes = {group: ask([*found, group]) for group in suspects}
            lost = [group for group in suspects if outcomes[group] == LOST]
            if not lost:
                left = [group for group in suspects if outcomes[group] != KEPT]
                return Answer(tuple(_names(found)), False, tuple(_names(left or suspects)), together=not left)
            found.insert(0, lost[0])
            return _answer(found, weights, ask)
        found.insert(0, suspects[0])
        outcome = ask(found)
        if outcome != KEPT or low == 0:
            return _answer(found, weights, ask)
        row = row[:low]


def _narrow(
    row: Sequence[Group], found: Sequence[Group], weights: Mapping[str, float], ask: Callable[[Sequence[Group]], str]
) -> tuple[int, int]:
    """Return between which starts of a row the loss appears: it is not in the first, and it is in the second."""
    return narrow(
        0,
        len(row),
        lambda end: ask([*found, *row[:end]]),
        lambda low, end, high: abs(_weight(row[low:end], weights) - _weight(row[end:high], weights)),
    )


def _answer(found: Sequence[Group], weights: Mapping[str, float], ask: Callable[[Sequence[Group]], str]) -> Answer:
    """Return the answer about groups; of a single one with several packages, try which of these it is."""
    names, confirmed = tuple(_names(found)), ask(found) == LOST
    if not confirmed or len(found) > 1 or len(names) == 1:
        return Answer(names, confirmed, together=len(found) > 1)
    within = search([(name,) for name in names], weights, lambda chosen: ask([tuple(sorted(chosen))]))
    return within if within.confirmed else Answer(names, confirmed=True)


def _names(groups: Sequence[Group]) -> list[str]:
    return [name for group in groups for name in group]


def _weight(groups: Sequence[Group], weights: Mapping[str, float]) -> float:
    return sum(weights[name] for name in _names(groups))
