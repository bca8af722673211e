"""What a run is compared with, and what its comparisons have shown so far of how much runs differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pytest_formfunc.cards import key_of
from pytest_formfunc.gate.baseline import Baseline
from pytest_formfunc.gate.comparable import why_not_comparable, why_not_timed
from pytest_formfunc.gate.history import BackTests
from pytest_formfunc.gate.saved_change import Pair, back_tests, measure_change, pair_of
from pytest_formfunc.gate.scale import FirstLook, Level, level_beside, level_of
from pytest_formfunc.records import Key, Record


@dataclass(frozen=True)
class Counterparts:
    """The saved records that a record of this run is compared with.

    Attributes:
        records: those whose mean is compared with, oldest first.
        pairs: their rounds.
        tests: what all saved runs of the case show.
    """

    records: tuple[Record, ...]
    pairs: tuple[Pair, ...]
    tests: BackTests


class SavedRuns:
    """The saved runs of a comparison, and the first looks at the records of this run that are there so far.

    A verdict that was given never changes, so the level of noise that it rests on is that of the moment: it is learnt
    from all records that have been measured until then, whether they were judged or not.
    """

    def __init__(self, baseline: Baseline) -> None:
        """Take the saved runs."""
        self._baseline = baseline
        self._looks: dict[Key, tuple[FirstLook, tuple[object, ...]]] = {}
        self._pairs: dict[int, Pair] = {}  # by the identity of a saved record: the baseline keeps them all
        self._tests: dict[Key, BackTests] = {}

    def newest_claim(self, key: Key) -> Record | None:
        """Return the newest saved record that claims a speedup, or the newest one if none does."""
        newest = self._baseline.records.get(key)
        claims = [record for record in self._baseline.pool.get(key, ()) if not record.noise.contended]
        return claims[-1] if claims else newest

    def counterparts(self, now: Record) -> Counterparts:
        """Return what a record of this run is compared with: saved records of unlike runs are left out."""
        records = tuple(record for record in self._baseline.pool[now.key] if _alike(now, record))
        history = [self._pair(record) for record in self._baseline.history[now.key] if _alike(now, record)]
        return Counterparts(records, tuple(map(self._pair, records)), back_tests(history, max(len(records), 1)))

    def note(self, records: Iterable[Record]) -> None:
        """Note the first looks at records of this run, unless they were noted before."""
        for now in records:
            then = None if now.native or now.key in self._looks else self.newest_claim(now.key)
            if then is None or now.ranked_speedup is None or not _alike(now, then):
                continue
            found = self.counterparts(now)
            change = measure_change(pair_of(now), found.pairs, found.tests)
            between = change.noise.variance * (1 + 1 / len(found.pairs))
            look = FirstLook(change.log, change.variance - between, len(found.pairs))
            self._looks[now.key] = look, _conditions(now)

    def level(self, now: Record) -> Level:
        """Return how much the runs of any case differ, as far as this run and the other cases' saved runs show it.

        Args:
            now: the record that is judged; what its own saved runs show is left out.
        """
        conditions, others = _conditions(now), []
        for key in self._baseline.records:
            like = self.newest_claim(key)
            if like is None or like.native or key == now.key or _conditions(like) != conditions:
                continue
            if key not in self._tests:
                self._tests[key] = self.counterparts(like).tests if why_not_timed(like) is None else BackTests()
            others.append(self._tests[key])
        return level_beside(level_of([look for look, of_it in self._looks.values() if of_it == conditions]), others)

    def _pair(self, record: Record) -> Pair:
        if id(record) not in self._pairs:
            self._pairs[id(record)] = pair_of(record)
        return self._pairs[id(record)]


def _alike(now: Record, then: Record) -> bool:
    return why_not_comparable(now, then) is None and why_not_timed(then, now) is None


def _conditions(record: Record) -> tuple[object, ...]:
    """Return what all records of one run have in common."""
    host = record.fingerprint, record.threads, record.host.get("allocator"), key_of(record.card)
    return *host, record.native_engine, record.method
