"""Judge one accelerated test against saved runs; while it is unclear, add launches and look again."""

from __future__ import annotations

import math
from dataclasses import replace

from pytest_formfunc.gate.baseline import Baseline
from pytest_formfunc.gate.comparable import why_contended, why_not_comparable, why_not_timed
from pytest_formfunc.gate.decision import FOUND, MEASURED, VERBS, Locks, decide
from pytest_formfunc.gate.error_budget import SAME_KERNELS_MISS, SAME_KERNELS_SHARE, Family, Looks
from pytest_formfunc.gate.explain import graph_change, layer_change, layers_of, same_kernels
from pytest_formfunc.gate.judge import Evidence, Judgement
from pytest_formfunc.gate.saved_change import Change, measure_change, pair_of
from pytest_formfunc.gate.saved_runs import SavedRuns
from pytest_formfunc.host import version_changes
from pytest_formfunc.measure.effort import MoreLaunches
from pytest_formfunc.measure.quiet import advice_on
from pytest_formfunc.records import Record
from pytest_formfunc.records.parts import Samples, Verdict
from pytest_formfunc.stats.pairs import typical_round
from pytest_formfunc.units import format_estimate, format_ms, format_percent

# While a comparison is inconclusive it gets this many more launches, first and second time.
SECOND_LOOKS = (6, 14)
# They are made only if all of them together would take at least this part from the variance of the change. What differs
# from run to run is the same for all launches of a run, so often they would take next to nothing.
_WORTH_WHILE = 0.1


# Where a verdict turns: a loss that is measured as two thirds of the threshold counts, as side by side. But `unchanged`
# rules out twice the threshold and no less, because runs differ by so much that most verdicts would be inconclusive
# otherwise (`bench/test_saved_power.py` prints both).
_IF_BEYOND = "fails if it is more than runs differ by"
SAVED = Locks(2 / 3, 2 / 3, 2.0, 0.1, f"a measured loss of two thirds of that {_IF_BEYOND}")
_MEASURED = replace(MEASURED, meaning=f"a measured loss of at least that {_IF_BEYOND}")


def locks_of_saved(locks: Locks) -> Locks:
    """Return where a verdict against saved runs turns, for locks of a verdict side by side."""
    return {FOUND: SAVED, MEASURED: _MEASURED}.get(locks, locks)


class SavedJudge:
    """Judges the comparisons of a run in their order; together they have a fixed probability of a false alarm."""

    def __init__(
        self, baseline: Baseline, family: Family, escalation_s: float = math.inf, locks: Locks = SAVED
    ) -> None:
        """Take the saved runs, and the time for further looks.

        Args:
            baseline: the saved runs.
            family: the comparisons that share the probability of a false alarm.
            escalation_s: seconds for further looks at each comparison; the time that one does not use is left to the
                later ones.
            locks: where a verdict turns.
        """
        self._locks = locks
        self._saved = SavedRuns(baseline)
        self._family = family
        self._escalation_s = escalation_s
        self._left_s = 0.0

    def judge(self, evidence: Evidence, threshold: float) -> Judgement | None:
        """Return the verdict, or None if the case failed in this run."""
        self._left_s += self._escalation_s
        verdict = self._look(evidence, threshold)
        return None if verdict is None else Judgement(verdict)

    def _look(self, evidence: Evidence, threshold: float) -> Verdict | None:
        looks = self._family.next_looks()
        verdict = self._look_with(looks, evidence, threshold)
        self._family.settle(looks, verdict is not None and verdict.status == "regressed")
        return verdict

    def _look_with(self, looks: Looks, evidence: Evidence, threshold: float) -> Verdict | None:
        then = self._saved.newest_claim(evidence.key)
        self._saved.note(evidence.so_far())
        if then is None:
            return Verdict("new", threshold, None, f"{evidence.title} is new: the baseline lacks it")
        most = may_be = 0
        for planned in (*SECOND_LOOKS, 0):
            launches = planned if self._left_s > 0 else 0
            record = evidence.record()
            if record is None:
                return None
            now = record
            reason = why_not_comparable(now, then) or why_not_timed(then, now)
            if reason is not None:
                return Verdict("not comparable", threshold, None, reason)
            if now.noise.contended and launches:
                self._look_again(evidence, launches)
                continue
            if now.noise.contended:
                reason = (
                    f"{evidence.title} cannot be compared now, because {now.noise.cause}: {advice_on(now.noise.cause)}"
                )
                return Verdict("inconclusive", threshold, None, reason, looks=looks.taken or 1)
            self._saved.note([now])
            found = self._saved.counterparts(now)
            change = measure_change(pair_of(now), found.pairs, found.tests, self._saved.level(now))
            most = most or now.launches + sum(SECOND_LOOKS)
            information = change.narrowed(most / now.launches)
            if information > 1 - _WORTH_WHILE:
                launches = 0
            same_graph = _executes_the_same(then, now)
            share = SAME_KERNELS_SHARE if same_graph else 1
            locks = replace(self._locks, miss=self._locks.miss * SAME_KERNELS_MISS) if same_graph else self._locks
            alpha = looks.next_alpha(information if launches else 1.0) * share
            may_be = may_be or (1 + len(SECOND_LOOKS) if launches else 1)
            status = decide(change, threshold, alpha, may_be, locks)
            contended = why_contended(now, found.records, change) if status in ("regressed", "improved") else None
            if contended:
                status = "inconclusive"
            if status != "inconclusive" or not launches:
                break
            self._look_again(evidence, launches)
        level = alpha if status == "inconclusive" else looks.alpha * share
        smallest = change.smallest_seen(max(2 * level, 1e-9), self._locks.least(threshold))
        sentence = _describe_verdict(now, then, change, threshold, status, smallest, self._locks)
        if same_graph and status == "regressed":
            sentence += f", so it took {1 / SAME_KERNELS_SHARE:.0f} times the evidence"
        if contended:
            sentence += f"; {contended}"
        return Verdict(status, threshold, change.estimate, sentence, smallest, looks.taken)

    def _look_again(self, evidence: Evidence, launches: int) -> None:
        self._left_s -= evidence.look_again(MoreLaunches(launches, seconds=self._left_s, patient=True, least=0))


def _executes_the_same(then: Record, now: Record) -> bool:
    """Return whether the exported program, the engine's graph and the versions of libraries are known and equal."""
    programs = [(record.graph or {}).get("program") for record in (then, now)]
    return (
        bool(programs[0])
        and programs[0] == programs[1]
        and same_kernels(then.graph, now.graph)
        and not version_changes(then.host, now.host)
    )


def _samples(record: Record) -> tuple[Samples, Samples]:
    found = record.ranked_samples
    assert found is not None
    return found


def _describe_verdict(
    now: Record, then: Record, change: Change, threshold: float, status: str, smallest: float, locks: Locks
) -> str:
    """Return the sentence of a verdict."""
    assert now.ranked_speedup is not None
    assert then.ranked_speedup is not None
    verb = VERBS[status]
    text = (
        f"{now.case} on {now.backend} {verb}: {format_estimate(then.ranked_speedup)} then, "
        f"{format_estimate(now.ranked_speedup)} now, a change of {format_estimate(change.estimate)} "
        f"(threshold {format_percent(threshold)}: {locks.meaning}); {_both_latencies(now, then)}"
    )
    if status == "unchanged":
        text += f"; a loss of {-math.expm1(locks.ruled_out * math.log1p(-threshold)):.1%} is ruled out"
    if smallest > threshold and status in ("unchanged", "inconclusive"):
        learnt = " and ".join(
            [f"{change.noise.tests + 1} runs"] * (change.noise.tests > 1)
            + [f"{change.noise.changes} changes of this run"] * (change.noise.changes > 0)
        )
        learnt = f"learnt from {learnt}" if learnt else "assumed, because few runs are saved"
        text += (
            f"; a threshold of {format_percent(threshold)} is finer than saved runs can judge here: the smallest "
            f"loss seen would be {smallest:.0%} ({learnt})"
        )
    clauses = version_changes(then.host, now.host)
    if status in ("regressed", "inconclusive"):
        clauses += graph_change(then.graph, now.graph)
        clauses += layer_change(layers_of(then), layers_of(now))
    return text + (f"; {'; '.join(clauses)}" if clauses else "")


def _both_latencies(now: Record, then: Record) -> str:
    """Say whether native or the accelerated latency changed more, with the typical round of each in milliseconds."""
    (native_now, own_now), (native_then, own_then) = _samples(now), _samples(then)
    moves = {}
    parts = []
    for backend, new, old, beside_new, beside_old in (
        (now.backend, own_now, own_then, native_now, native_then),
        ("native", native_now, native_then, own_now, own_then),
    ):
        before = typical_round(old.median, beside_old.median)
        after = typical_round(new.median, beside_new.median)
        moves[backend] = math.log(after / before)
        parts.append(f"{backend} {format_ms(before)} -> {format_ms(after)} ms")
    accelerated, native = moves[now.backend], moves["native"]
    if accelerated == native == 0:
        who = "neither latency moved"
    elif abs(accelerated) >= abs(native):
        who = f"{now.backend} got {'slower' if accelerated > 0 else 'faster'}"
    else:
        who = f"native got {'slower' if native > 0 else 'faster'}"
    return f"{who} ({', '.join(parts)})"
