"""Judge one accelerated test side by side with another revision; while it is unclear, add launches and look again."""

from __future__ import annotations

import math
import uuid
from dataclasses import replace

from pytest_formfunc.gate.decision import FOUND, VERBS, Locks, decide
from pytest_formfunc.gate.error_budget import SAME_KERNELS_MISS, SAME_KERNELS_SHARE, Family
from pytest_formfunc.gate.explain import THERE, graph_change, layer_change, layers_of, program_change, same_kernels
from pytest_formfunc.gate.judge import Evidence, Judgement, OtherSide
from pytest_formfunc.gate.paired_change import Change, PairedRounds, measure_change, only_native_moved
from pytest_formfunc.gate.pooled_change import note_launches
from pytest_formfunc.measure.artifacts import Prepared
from pytest_formfunc.measure.effort import MoreLaunches
from pytest_formfunc.measure.lineup import is_same_program
from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.measure.series import Measurement
from pytest_formfunc.records.parts import Counterpart, Verdict
from pytest_formfunc.results import Absent
from pytest_formfunc.stats import Estimate
from pytest_formfunc.stats.pairs import typical_round
from pytest_formfunc.stats.servers import DEFAULT_SD, ENOUGH_SERVERS, KEPT_SD
from pytest_formfunc.units import format_estimate, format_ms, format_percent

# While a comparison is inconclusive, each look has this many times the launches of the look before, up to 16 times
# those of the first look. Looks at twice the launches each would take a fifth more time where a loss is found.
GROWTH = math.sqrt(2)
LOOKS = 9
MOST_LAUNCHES = 64
# Where a comparison's own time is not spent by then, it goes on to so many times as many, for which a part of the
# probability of a false alarm is kept.
EXTENSION = 4
KEPT_FOR_IT = 0.1
MOST_LOOKS = LOOKS + 4


class SideBySideJudge:
    """Judges the comparisons of a run in their order.

    Together they have a fixed probability of a false alarm, and they share the time for further looks.
    """

    def __init__(self, other: OtherSide, family: Family, escalation_s: float, locks: Locks = FOUND) -> None:
        """Take a description of the other side, and the time for further looks.

        Args:
            other: the other side.
            family: the comparisons that share the probability of a false alarm.
            escalation_s: seconds for further looks at each comparison; the time that one does not use is left to the
                later ones.
            locks: where a verdict turns.
        """
        self._locks = locks
        self._other = other
        self._family = family
        self._escalation_s = escalation_s
        self._pool_s = 0.0
        self._process = uuid.uuid4().hex[:12]  # names this process' servers, which all its cases share

    def judge(self, evidence: Evidence, threshold: float) -> Judgement | None:
        """Return the verdict, or None if the case failed on this revision's side."""
        self._pool_s += self._escalation_s
        here, there = evidence.here, evidence.there
        if isinstance(there, Absent) or there is None:
            status, reason = (there.status, there.reason) if there else ("not comparable", "it was not prepared")
            return Judgement(Verdict(status, threshold, None, f"{evidence.title} is {status}: {reason}"))
        assert here is not None
        if here.input_shapes != there.input_shapes:
            reason = f"its input was {there.input_shapes} there and is {here.input_shapes} here"
            return Judgement(_not_comparable(evidence.title, threshold, reason), self._counterpart(evidence))
        same_program = is_same_program(here, there) and self._other.has_same_packages
        verdict = self._look(evidence, (here, there), threshold, same_program)
        counterpart = self._counterpart(evidence, same_program=same_program)
        return None if verdict is None else Judgement(verdict, counterpart)

    def _counterpart(self, evidence: Evidence, *, same_program: bool = False) -> Counterpart | None:
        """Return the other side's measurement, or None if it was not measured."""
        here = Participant(evidence.key[1])
        there, measurement = here.counterpart, evidence.measurement
        if measurement is None or any(one not in measurement.series for one in (here, there, there.native)):
            return None
        pair, everyone = _judged(measurement, here, same_program=same_program)
        native_here, accelerated_here, native_there, accelerated_there = everyone
        own, samples = measurement.together(accelerated_here, accelerated_there)
        native = measurement.together(native_there, accelerated_there, accelerated_here, native_here)[0]
        return Counterpart(
            self._other.revision,
            self._other.commit,
            _speedup(measurement, native_there, accelerated_there),
            tuple(map(tuple, samples)),
            tuple(map(tuple, own)),
            tuple(map(tuple, native)),
            note_launches(
                _paired_rounds(measurement, pair, everyone, same_native=same_program),
                self._process,
                self._locks,
                own_servers=self._other.own_servers,
                same_kernels=same_program and same_kernels(measurement.graph(there), measurement.graph(here)),
            ),
        )

    def _look(
        self, evidence: Evidence, prepared: tuple[Prepared, Prepared], threshold: float, same_program: bool
    ) -> Verdict | None:
        measurement = evidence.measurement
        here = Participant(evidence.key[1])
        there = here.counterpart
        looks = self._family.next_looks()
        most = wanted = 0
        own_s = 0.0
        before: tuple[Participant, ...] = ()
        while True:
            if measurement is None or here not in measurement.series:
                self._family.settle(looks, False)
                return None
            failed = [one for one in (here.native, here, there.native, there) if one not in measurement.series]
            if failed:
                self._family.settle(looks, False)
                reason = measurement.failures.get(failed[0], "it was not measured")
                return _not_comparable(evidence.title, threshold, f"at {self._other.title}: {reason}")
            pair, everyone = _judged(measurement, here, same_program=same_program)
            if everyone != before:  # one with memory kept failed, and those by default have few launches
                most, wanted, before = 0, 0, everyone
            change = measure_change(_paired_rounds(measurement, pair, everyone, same_native=same_program))
            launches = len(change.judged.logs)
            most = most or min(MOST_LAUNCHES, round(launches * GROWTH ** (LOOKS - 1)))
            goes_on = own_s < self._escalation_s and launches < EXTENSION * most
            # All launches are made, or time ran out.
            final = (launches >= most and not goes_on) or launches < wanted or self._pool_s <= 0
            same_graph = same_program and same_kernels(measurement.graph(there), measurement.graph(here))
            share = SAME_KERNELS_SHARE if same_graph else 1
            locks = replace(self._locks, miss=self._locks.miss * SAME_KERNELS_MISS) if same_graph else self._locks
            alpha = looks.next_alpha(1.0 if final else _fraction(launches / most)) * share
            status = decide(change, threshold, alpha, MOST_LOOKS, locks)
            if status != "inconclusive" or final:
                break
            only = pair if same_program else everyone
            wanted = max(math.ceil(launches * GROWTH), ENOUGH_SERVERS + 1)  # fewer show hardly anything
            wanted = min(wanted, most if launches < most else EXTENSION * most)
            left_s = self._pool_s if launches < most else min(self._pool_s, self._escalation_s - own_s)
            spent_s = evidence.look_again(MoreLaunches(wanted - launches, only, left_s, change.judged.scatter))
            own_s += spent_s
            self._pool_s -= spent_s
        self._family.settle(looks, status == "regressed")
        native_note = status == "regressed" and not same_program and only_native_moved(change, threshold)
        if native_note:
            status = "unchanged"
        # A comparison that is decided has no more looks to keep a part of its level for.
        level = alpha if status == "inconclusive" else looks.alpha * share
        smallest = change.smallest_seen(max(2 * level, 1e-9), self._locks.least(threshold))
        meaning = self._meaning(threshold, status, smallest)
        sentence = self._sentence(evidence.title, everyone, prepared, meaning, status, change, measurement, native_note)
        if status == "regressed" and (record := evidence.record()) is not None:
            sentence += "".join(f"; {one}" for one in layer_change(layers_of(record, THERE), layers_of(record)))
        if same_graph and status == "regressed":
            sentence += f", so it took {1 / SAME_KERNELS_SHARE:.0f} times the evidence"
        if status == "inconclusive":
            sentence += f"; the smallest loss it could have seen is {format_percent(smallest)}"
        return Verdict(status, threshold, change.estimate, sentence, smallest, looks.taken)

    def _meaning(self, threshold: float, status: str, smallest: float) -> str:
        """Return the threshold and what it means; where a comparison could not see so little, that."""
        finer = status == "inconclusive" and smallest > threshold
        meaning = "finer than this comparison could judge in its time" if finer else self._locks.meaning
        return f"threshold {format_percent(threshold)}: {meaning}"

    def _sentence(
        self,
        title: str,
        everyone: tuple[Participant, ...],
        prepared: tuple[Prepared, Prepared],
        threshold: str,
        status: str,
        change: Change,
        measurement: Measurement,
        native_note: bool,
    ) -> str:
        """Return the sentence of a verdict; the threshold comes in words, with what it means."""
        verb = VERBS[status]
        if native_note:
            verb = "has less speedup only because native got faster, which is not a regression"
        native_here, own, native_there, other = everyone
        speedups = "its speedups are not known, because " + measurement.contended.value if measurement.contended else (
            f"{format_estimate(_speedup(measurement, native_there, other))} there, "
            f"{format_estimate(_speedup(measurement, native_here, own))} here"
        )  # fmt: skip
        text = (
            f"{title} {verb} against {self._other.title}: {speedups}, a change of {format_estimate(change.estimate)} "
            f"({threshold}); {_both_latencies(everyone, change, measurement)}"
        )
        prepared_here, prepared_there = prepared
        here = Participant(own.backend)  # one that keeps its memory does not report its graph
        clauses = [
            *self._other.version_changes,
            *graph_change(measurement.graph(here.counterpart), measurement.graph(here)),
            *program_change(prepared_there.program, prepared_here.program, (prepared_there.cost, prepared_here.cost)),
        ]
        return text + (f"; {'; '.join(clauses)}" if clauses else "")


def _fraction(done: float) -> float:
    """Return how much of the samples that there may be is there, for the spending of the probability of a false alarm.

    Args:
        done: launches / the most that are made in any case; above 1 where the comparison's own time is not spent.

    >>> [round(_fraction(done), 2) for done in (0.5, 1.0, 2.0, 4.0)]
    [0.45, 0.9, 0.95, 0.97]
    """
    kept = 1 - KEPT_FOR_IT
    return kept * done if done <= 1 else 1 - KEPT_FOR_IT / done


def _judged(
    measurement: Measurement, here: Participant, *, same_program: bool = False
) -> tuple[tuple[Participant, Participant], tuple[Participant, ...]]:
    """Return the accelerated participants of both sides, and all four with native; with memory kept if both have it.

    Where native runs the same program on both sides, this side's stands for both.
    """
    native_here, own = measurement.ranked_pair(here)
    if same_program:
        if own.counterpart not in measurement.series:  # there memory could not be kept
            native_here, own = here.native, here
        return (own, own.counterpart), (native_here, own, native_here, own.counterpart)
    native_there, other = measurement.ranked_pair(here.counterpart)
    if (native_here.keeps, own.keeps) != (native_there.keeps, other.keeps):  # on one side it failed
        native_here, own, native_there, other = here.native, here, here.counterpart.native, here.counterpart
    return (own, other), (native_here, own, native_there, other)


def _speedup(measurement: Measurement, native: Participant, accelerated: Participant) -> Estimate:
    """Return the speedup of one side's judged pair."""
    prior_sd = KEPT_SD if native in measurement.kept.values() else DEFAULT_SD
    return measurement.ratio(native, accelerated, prior_sd)


def _paired_rounds(
    measurement: Measurement,
    pair: tuple[Participant, Participant],
    everyone: tuple[Participant, ...],
    *,
    same_native: bool,
) -> PairedRounds:
    rounds_here, rounds_there = measurement.together(*pair)
    native_here, accelerated_here, native_there, accelerated_there = measurement.together(*everyone)
    return PairedRounds(
        accelerated=(rounds_here, rounds_there),
        servers=measurement.servers_of(measurement.shared(*pair)),
        all_four=(native_here, accelerated_here, native_there, accelerated_there),
        servers_of_four=measurement.servers_of(measurement.shared(*everyone)),
        same_native=same_native,
    )


def _not_comparable(title: str, threshold: float, reason: str) -> Verdict:
    return Verdict("not comparable", threshold, None, f"{title} is not comparable: {reason}")


def _both_latencies(everyone: tuple[Participant, ...], change: Change, measurement: Measurement) -> str:
    """Say how the accelerated and the native latency changed, with the typical round of each in milliseconds."""
    native_here, own, native_there, other = everyone
    parts = []
    for name, now, then, ratio in (
        (own.backend, own, other, change.accelerated),
        (native_here.backend, native_here, native_there, change.native),
    ):
        if now == then:
            level = typical_round(*measurement.together(now))
            parts.append(f"{name} {format_ms(level)} ms, by the same program on both sides")
            continue
        after, before = measurement.together(now, then)
        both = f"{format_ms(typical_round(before))} -> {format_ms(typical_round(after))} ms"
        parts.append(f"{name} {both}, {_moved(ratio)}")
    return ", ".join(parts)


def _moved(ratio: Estimate) -> str:
    if ratio.low <= 1 <= ratio.high:
        return "no clear change"
    return "faster" if ratio.value > 1 else "slower"
