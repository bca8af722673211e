"""Verdicts on several cases together: a loss that they share may be too small for each of them to show.

They are made when all cases are judged, of records alone: at the end of a session, from its journal, and over all parts
of a run. What is pooled was fixed before anything was measured: the names of forms, and the backends.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_formfunc.gate.decision import FOUND, LOCKS, decide
from pytest_formfunc.gate.error_budget import SAME_KERNELS_SHARE, alpha_of_pool
from pytest_formfunc.gate.pooled_change import case_change, pool_changes, servers_needed
from pytest_formfunc.journal.lines import Header, Row
from pytest_formfunc.records import Key, Record
from pytest_formfunc.records.parts import JudgedLaunches
from pytest_formfunc.results import PooledLoss
from pytest_formfunc.stats import Estimate
from pytest_formfunc.units import format_percent

_JUDGED = ("regressed", "improved", "unchanged", "inconclusive")  # verdicts that compared both sides


def pooled_test(name: str) -> str:
    """Return the name of the test that fails where a pool lost speedup."""
    return f"formfunc-pooled[{name}]"


@dataclass(frozen=True)
class Compared:
    """A case on a backend that was judged side by side, by time.

    Attributes:
        record: its record.
        noted: what that notes of the launches that were judged.
        threshold: the loss of speedup that counts, as a fraction.
        fails: whether its test fails on a loss.
    """

    record: Record
    noted: JudgedLaunches
    threshold: float
    fails: bool

    @property
    def is_open(self) -> bool:
        """Return whether a pool can say something new of it: it did not regress itself, and is not contended."""
        regressed = self.record.verdict is not None and self.record.verdict.status == "regressed"
        return not regressed and not self.record.noise.contended


@dataclass(frozen=True)
class Pool:
    """Comparisons that are judged together as well; all have one threshold, and fail on a loss or do not.

    Attributes:
        name: of its test: the form's name and the backend, or the backend.
        what: its cases, for sentences.
        members: the comparisons.
    """

    name: str
    what: str
    members: tuple[Compared, ...]


def pooled_losses(header: Header, rows: Mapping[Key, Row]) -> list[PooledLoss]:
    """Return every pool of a run that surely lost speedup.

    What the run's tests do not measure any more does not count. A part of a run has none: all parts together have.

    Args:
        header: what the run planned.
        rows: its rows.
    """
    if header.shard is not None:
        return []
    groups = {group for group, _ in header.planned}
    compared = [
        found
        for row in rows.values()
        if (not groups or row.group in groups)
        and (found := _compared(row.record, fails="loss" in (row.fail_on or header.fail_on))) is not None
    ]
    return _judge(pools_of(compared), header.title)


def pooled_losses_of(records: Iterable[Record]) -> list[PooledLoss]:
    """Return the same of a saved run, which does not say what failed its tests: as by default."""
    compared = (_compared(record, fails=True) for record in records)
    return _judge(pools_of([one for one in compared if one is not None]), "")


def pools_of(compared: Sequence[Compared]) -> list[Pool]:
    """Return the pools of all comparisons, whatever became of each: each form's cases, then all of a backend.

    Two at least make a pool, and none has the members of another one.
    """
    alike: dict[tuple[float, bool], list[Compared]] = {}
    for one in compared:
        alike.setdefault((one.threshold, one.fails), []).append(one)
    several = len({threshold for threshold, _ in alike}) > 1
    found: list[Pool] = []
    for (threshold, _), of_rule in alike.items():
        more = f"-{format_percent(threshold)}" if several else ""
        for backend in dict.fromkeys(one.record.backend for one in of_rule):
            of_backend = [one for one in of_rule if one.record.backend == backend]
            by_form: dict[str, list[Compared]] = {}
            for one in of_backend:
                by_form.setdefault(str(one.record.form["name"]), []).append(one)
            pools = [
                Pool(f"{form}-{backend}{more}", f"cases of {form} on {backend}", tuple(own))
                for form, own in by_form.items()
                if len(own) > 1
            ]
            if len(by_form) > 1:
                pools.append(Pool(f"{backend}{more}", f"cases on {backend}", tuple(of_backend)))
            found += pools
    return _with_own_names(found)


def _with_own_names(pools: Sequence[Pool]) -> list[Pool]:
    """Return pools each with a name of its own: thresholds may differ by less than their names show."""
    seen, found = Counter[str](), []
    for pool in pools:
        seen[pool.name] += 1
        found.append(pool if seen[pool.name] == 1 else replace(pool, name=f"{pool.name}-{seen[pool.name]}"))
    return found


def _compared(record: Record, *, fails: bool) -> Compared | None:
    """Return a comparison side by side, by time; None for everything else."""
    noted = record.against.judged if record.against is not None else None
    verdict = record.verdict
    if record.native or noted is None or verdict is None or verdict.status not in _JUDGED:
        return None
    if not 0 < verdict.threshold < 1:  # a file may hold anything
        return None
    return Compared(record, noted, verdict.threshold, fails)


def _judge(pools: Sequence[Pool], title: str) -> list[PooledLoss]:
    """Judge all pools, each at its share of the error probability; the share counts those too that say nothing new."""
    alpha, told, found = alpha_of_pool(len(pools)), set[frozenset[Key]](), []
    for pool in pools:
        members = _testable(pool)
        keys = frozenset(one.record.key for one in members)
        if len(members) < 2 or keys in told:
            continue
        told.add(keys)
        if (loss := _loss_of(pool, members, alpha, title)) is not None:
            found.append(loss)
    return found


def _testable(pool: Pool) -> list[Compared]:
    """Return the members that are tested.

    One that regressed itself is red already, and would show the loss as the others': the pool is what is left without
    it. That adds no false alarms: where no single verdict is a false one, what is left out did change. What was
    measured too little stays out too.
    """
    members = [one for one in pool.members if one.is_open]
    needed = servers_needed([one.noted for one in members])
    return [one for one in members if one.noted.different_servers >= needed[one.noted.process]]


def _loss_of(pool: Pool, members: Sequence[Compared], alpha: float, title: str) -> PooledLoss | None:
    """Return the loss of a pool if it is real, by the two locks of a single comparison; None if it is not.

    Real: the interval of coverage 1 - 2 ``alpha`` excludes no change. Red: it is also big enough. Where the engine
    executes the same graph on both sides in all of them, ``alpha`` is a fraction of it, as for one comparison.
    """
    noted, threshold = [one.noted for one in members], members[0].threshold
    locks = LOCKS.get(noted[0].means, FOUND)
    same_kernels = all(one.same_kernels for one in noted)
    alpha *= SAME_KERNELS_SHARE if same_kernels else 1.0
    change = pool_changes(noted, [one.changes for one in noted])
    if not change.enough or change.interval(2 * alpha).high >= 1:
        return None
    enough = decide(change, threshold, alpha, locks=locks) == "regressed"
    # What all servers of a side have in common moves all cases together, and no interval knows of it.
    own_servers = any(one.own_servers for one in noted)
    only_native = _only_native_moved(noted, threshold)
    fails = enough and members[0].fails and not only_native and not own_servers
    claim = f"{_count(len(members), len(pool.members))} {pool.what} together lost {_lost(change.estimate)}"
    clauses = []
    if same_kernels:
        more = f"{1 / SAME_KERNELS_SHARE:.0f} times the evidence"
        clauses.append(f"the engine executes the same kernels as before in all of them, so it took {more}")
    if not enough:
        clauses.append(f"it is real, and less than the {_percent(locks.least(threshold))} that count")
    elif only_native:
        clauses.append("it is only because native got faster, which is not a regression")
    elif own_servers:
        clauses.append("it may be of the other environment's own servers, and fails nothing")
    elif not fails:
        clauses.append("their tests do not fail on a loss")
    if len(members) < len(pool.members):
        clauses.append("the others regressed themselves, or were measured too little")
    against = title or _revision(members[0])
    sentence = (
        f"{claim} of their speedup against {against} (threshold {format_percent(threshold)}), "
        f"which none of them shows by itself: {'; '.join([_range(members), *clauses])}"
    )
    keys = tuple(one.record.key for one in members)
    return PooledLoss(pool.name, claim, sentence, keys, change.estimate, threshold, fails)


def _only_native_moved(noted: Sequence[JudgedLaunches], threshold: float) -> bool:
    """Return whether native alone changed the speedups, by the rule for one comparison (`only_native_moved`)."""
    accelerated = pool_changes(noted, [one.accelerated for one in noted]).estimate
    native = pool_changes(noted, [_of_native(one) for one in noted]).estimate
    return accelerated.low > 1 - threshold and accelerated.high >= 1 and native.low > 1


def _of_native(noted: JudgedLaunches) -> list[float]:
    """Return native's latency there / here, of each launch."""
    return [own / both for own, both in zip(noted.accelerated, noted.changes, strict=True)]


def _count(members: int, of: int) -> str:
    return f"all {members}" if members == of else f"{members} of {of}"


def _lost(change: Estimate) -> str:
    """Return a change as a loss with its interval: ``2.1% (1.4% to 2.8%)``."""
    return (
        f"{_percent(-math.log(change.value))} ({_percent(-math.log(change.high))} to {_percent(-math.log(change.low))})"
    )


def _percent(log: float) -> str:
    """Return a loss, given as a log, as a percentage."""
    percent = -100 * math.expm1(-log)
    decimals = 1 if abs(percent) >= 1 else 2
    return f"{round(percent, decimals) + 0.0:.{decimals}f}%"  # a sum with 0 has no -0


def _range(members: Sequence[Compared]) -> str:
    """Say which member lost least by itself, and which most."""
    lost = sorted((-math.log(case_change(one.noted)), one.record.case) for one in members)
    (least, least_name), (most, most_name) = lost[0], lost[-1]
    return f"from {_percent(least)} in {least_name} to {_percent(most)} in {most_name}"


def _revision(one: Compared) -> str:
    against = one.record.against
    return against.revision if against is not None else "the other revision"
