"""Judge one accelerated test against saved runs; while it is unclear, add launches and look again."""

from __future__ import annotations

import math

from pytest_formfunc.gate.baseline import Baseline
from pytest_formfunc.gate.comparable import why_contended, why_not_comparable, why_not_timed
from pytest_formfunc.gate.decision import FOUND, VERBS, Locks, decide
from pytest_formfunc.gate.error_budget import SAME_KERNELS_SHARE, Family
from pytest_formfunc.gate.explain import graph_change, layer_change, layers_of, same_kernels
from pytest_formfunc.gate.judge import Evidence, Judgement
from pytest_formfunc.gate.saved_change import Change, measure_change, pair_of
from pytest_formfunc.host import version_changes
from pytest_formfunc.measure.effort import MoreLaunches
from pytest_formfunc.measure.quiet import advice_on
from pytest_formfunc.records import Key, Record
from pytest_formfunc.records.parts import Samples, Verdict
from pytest_formfunc.stats.pairs import typical_round
from pytest_formfunc.units import format_estimate, format_ms, format_percent

# While a comparison is inconclusive it gets this many more launches, first and second time.
SECOND_LOOKS = (6, 14)


class SavedJudge:
    """Judges the comparisons of a run in their order; together they have a fixed probability of a false alarm."""

    def __init__(
        self, baseline: Baseline, family: Family, escalation_s: float = math.inf, locks: Locks = FOUND
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
        self._baseline = baseline
        self._family = family
        self._escalation_s = escalation_s
        self._left_s = 0.0

    def judge(self, evidence: Evidence, threshold: float) -> Judgement | None:
        """Return the verdict, or None if the case failed in this run."""
        self._left_s += self._escalation_s
        verdict = self._look(evidence, threshold)
        return None if verdict is None else Judgement(verdict)

    def _newest_claim(self, key: Key) -> Record | None:
        """Return the newest saved record that claims a speedup, or the newest one if none does."""
        newest = self._baseline.records.get(key)
        claims = [record for record in self._baseline.pool.get(key, ()) if not record.noise.contended]
        return claims[-1] if claims else newest

    def _look(self, evidence: Evidence, threshold: float) -> Verdict | None:
        key = evidence.key
        then = self._newest_claim(key)
        if then is None:
            return Verdict("new", threshold, None, f"{evidence.title} is new: the baseline lacks it")
        looks = self._family.next_looks()
        most = 0
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
            pool = [record for record in self._baseline.pool[key] if _comparable(now, record)]
            history = [record for record in self._baseline.history[key] if _comparable(now, record)]
            change = measure_change(pair_of(now), [*map(pair_of, pool)], [*map(pair_of, history)])
            most = most or now.launches + sum(SECOND_LOOKS)
            same_graph = same_kernels(then.graph, now.graph) and not version_changes(then.host, now.host)
            share = SAME_KERNELS_SHARE if same_graph else 1
            alpha = looks.next_alpha(now.launches / most if launches else 1.0) * share
            status = decide(change, threshold, alpha, locks=self._locks)
            contended = why_contended(now, pool, change) if status in ("regressed", "improved") else None
            if contended:
                status = "inconclusive"
            if status != "inconclusive" or not launches:
                break
            self._look_again(evidence, launches)
        self._family.settle(looks, status in ("regressed", "improved"))
        smallest = change.smallest_seen(2 * alpha, self._locks.least(threshold))
        sentence = _describe_verdict(now, then, change, threshold, status, smallest)
        if same_graph and status == "regressed":
            sentence += f", so it took {1 / SAME_KERNELS_SHARE:.0f} times the evidence"
        if contended:
            sentence += f"; {contended}"
        return Verdict(status, threshold, change.estimate, sentence, smallest, looks.taken)

    def _look_again(self, evidence: Evidence, launches: int) -> None:
        self._left_s -= evidence.look_again(MoreLaunches(launches, seconds=self._left_s, patient=True))


def _comparable(now: Record, then: Record) -> bool:
    return why_not_comparable(now, then) is None and why_not_timed(then, now) is None


def _samples(record: Record) -> tuple[Samples, Samples]:
    found = record.ranked_samples
    assert found is not None
    return found


def _describe_verdict(now: Record, then: Record, change: Change, threshold: float, status: str, smallest: float) -> str:
    """Return the sentence of a verdict."""
    assert now.ranked_speedup is not None
    assert then.ranked_speedup is not None
    verb = VERBS[status]
    text = (
        f"{now.case} on {now.backend} {verb}: {format_estimate(then.ranked_speedup)} then, "
        f"{format_estimate(now.ranked_speedup)} now, a change of {format_estimate(change.estimate)} "
        f"(threshold {format_percent(threshold)}); {_both_latencies(now, then)}"
    )
    if smallest > threshold and status in ("unchanged", "inconclusive"):
        learnt = (
            f"learnt from {change.noise.steps + 1} runs"
            if change.noise.steps > 1
            else "assumed, because few runs are saved"
        )
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
