"""The verdict on one accelerated test against saved runs: look, and look again while it is suspicious."""

from __future__ import annotations

from collections.abc import Callable

from pytest_formfunc.cases import Case
from pytest_formfunc.gate.baseline import Baseline
from pytest_formfunc.gate.decision import decide
from pytest_formfunc.gate.error_budget import Family
from pytest_formfunc.gate.saved_change import (
    describe_verdict,
    measure_change,
    pair_of,
    why_contended,
    why_not_comparable,
    why_not_timed,
)
from pytest_formfunc.gate.side_by_side import SAME_GRAPH_SHARE
from pytest_formfunc.host import version_changes
from pytest_formfunc.records import BaselineRecord, Record, Verdict

# What is suspicious but not sure gets so many more launches, twice.
SECOND_LOOKS = (6, 14)


class SavedJudge:
    """Judges the comparisons of a run in their order; they share a chance of false alarm."""

    def __init__(
        self,
        baseline: Baseline,
        comparisons: int,
        record_of: Callable[[Case, str], Record | BaselineRecord | None],
        look_again: Callable[[Case, int], float],
    ) -> None:
        """Take how to get a test's record as it stands, and how to make more launches of a case."""
        self._baseline = baseline
        self._family = Family(comparisons)
        self._record_of = record_of
        self._look_again = look_again

    def judge(self, case: Case, backend: str, threshold: float) -> Verdict | None:
        """Return the verdict, or None where this run's side failed meanwhile."""
        key = (case.id, backend)
        then = self._baseline.records.get(key)
        if then is None:
            return Verdict("new", threshold, None, f"{case.id} on {backend} is new: the baseline lacks it")
        looks = self._family.next_looks()
        most = 0
        for launches in (*SECOND_LOOKS, 0):
            found = self._record_of(case, backend)
            if found is None:
                return None
            now = found
            reason = why_not_comparable(now, then) or why_not_timed(then)
            if reason is not None:
                return Verdict("not comparable", threshold, None, reason)
            pool = [record for record in self._baseline.pool[key] if _comparable(now, record)]
            history = [record for record in self._baseline.history[key] if _comparable(now, record)]
            change = measure_change(pair_of(now), [*map(pair_of, pool)], [*map(pair_of, history)])
            most = most or now.launches + sum(SECOND_LOOKS)
            same_graph = _same_graph(now, then)
            alpha = looks.next_alpha(now.launches / most if launches else 1.0) * (SAME_GRAPH_SHARE if same_graph else 1)
            status = decide(change, threshold, alpha)
            contended = why_contended(now, pool, change) if status in ("regressed", "improved") else None
            if contended:
                status = "inconclusive"
            if status != "inconclusive" or not launches:
                break
            self._look_again(case, launches)
        self._family.settle(looks, status in ("regressed", "improved"))
        smallest = change.smallest_seen(2 * alpha)
        sentence = describe_verdict(now, then, change, threshold, status, smallest)
        if same_graph and status == "regressed":
            sentence += f", so it took {1 / SAME_GRAPH_SHARE:.0f} times the evidence"
        if contended:
            sentence += f"; {contended}"
        return Verdict(status, threshold, change.estimate, sentence, smallest, looks.taken)


def _same_graph(now: Record | BaselineRecord, then: BaselineRecord) -> bool:
    """Return whether the same versions execute the same kernels."""
    if not now.graph or not then.graph or version_changes(then.host, now.host):
        return False
    return bool(now.graph["hash"] == then.graph["hash"])


def _comparable(now: Record | BaselineRecord, then: BaselineRecord) -> bool:
    return why_not_comparable(now, then) is None and why_not_timed(then) is None
