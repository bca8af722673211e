"""The verdict on one accelerated test, side by side with another revision: look, and look again while it is unsure."""

from __future__ import annotations

from typing import Protocol

from pytest_formfunc.backends import NATIVE
from pytest_formfunc.cases import Case
from pytest_formfunc.gate.decision import VERBS, decide
from pytest_formfunc.gate.error_budget import Family
from pytest_formfunc.gate.explain import graph_change, program_change
from pytest_formfunc.gate.paired_change import Change, Sides, measure_change, only_native_moved
from pytest_formfunc.measure.case_measurer import Measurement, MoreLaunches
from pytest_formfunc.measure.launch import Part
from pytest_formfunc.measure.participants import base_of
from pytest_formfunc.records import Counterpart, Verdict
from pytest_formfunc.revisions.other_revision import Absent, Against
from pytest_formfunc.stats import Estimate
from pytest_formfunc.units import format_estimate, format_ms, format_percent

# A comparison's launches grow so often and so much, while it is unsure: 2, 4, 8 and 16 times those of the first look.
GROWTH = 2
LOOKS = 5
MOST_LAUNCHES = 64
# Where the engine executes the same kernels, a loss in time is less credible: it is tested at this share of its level.
SAME_GRAPH_SHARE = 0.25


class Measuring(Protocol):
    """What a judge asks of the run."""

    def measurement(self, case: Case) -> Measurement | None:
        """Return a case's measurement as it stands."""

    def own_part(self, case: Case) -> Part:
        """Return this revision's part in it."""

    def other_part(self, case: Case) -> Part | Absent | None:
        """Return the other revision's part in it, or why there is none."""

    def look_again(self, case: Case, more: MoreLaunches) -> float:
        """Make more launches; return the seconds they took."""


class SideBySideJudge:
    """Judges the comparisons of a run in their order; they share a chance of false alarm, and the time for looks."""

    def __init__(self, run: Measuring, against: Against, comparisons: int, escalation_s: float) -> None:
        """Take the time for further looks, in seconds a comparison: what one leaves over is for those after it."""
        self._run = run
        self._against = against
        self._family = Family(comparisons)
        self._escalation_s = escalation_s
        self._pool_s = 0.0

    def judge(self, case: Case, backend: str, threshold: float) -> Verdict | None:
        """Return the verdict, or None where this revision's side failed meanwhile."""
        self._pool_s += self._escalation_s
        other = self._run.other_part(case)
        title = f"{case.id} on {backend}"
        if isinstance(other, Absent) or other is None:
            status, reason = (other.status, other.reason) if other else ("not comparable", "it was not prepared")
            return Verdict(status, threshold, None, f"{title} is {status}: {reason}")
        own = self._run.own_part(case)
        if own.prepared.input_shapes != other.prepared.input_shapes:
            reason = f"its input was {other.prepared.input_shapes} there and is {own.prepared.input_shapes} here"
            return Verdict("not comparable", threshold, None, f"{title} is not comparable: {reason}")
        digest = own.prepared.program["digest"]
        same_program = bool(digest) and digest == other.prepared.program["digest"] and not self._against.version_changes
        return self._look(case, backend, threshold, same_program)

    def counterpart(self, case: Case, backend: str) -> Counterpart | None:
        """Return the other revision's side of a comparison as it was measured, or None where it was not."""
        measurement = self._run.measurement(case)
        name = base_of(backend)
        if measurement is None or any(one not in measurement.series for one in (backend, name, base_of(NATIVE))):
            return None
        own, samples = measurement.together(backend, name)
        native = measurement.together(base_of(NATIVE), name, backend, NATIVE)[0]
        revision = self._against.revision
        return Counterpart(
            revision.name,
            revision.commit,
            measurement.speedup(name),
            tuple(map(tuple, samples)),
            tuple(map(tuple, own)),
            tuple(map(tuple, native)),
        )

    def _look(self, case: Case, backend: str, threshold: float, same_program: bool) -> Verdict | None:
        title = f"{case.id} on {backend}"
        pair = (backend, base_of(backend))
        everyone = (NATIVE, backend, base_of(NATIVE), base_of(backend))
        looks = self._family.next_looks()
        most = wanted = 0
        while True:
            measurement = self._run.measurement(case)
            if measurement is None or backend not in measurement.series:
                return None
            gone = [name for name in everyone if name not in measurement.series]
            if gone:
                reason = measurement.failures.get(gone[0], "it was not measured")
                return Verdict(
                    "not comparable", threshold, None,
                    f"{title} is not comparable: at {self._against.title}: {reason}",
                )  # fmt: skip
            here, there = measurement.together(*pair)
            native, accelerated, native_base, accelerated_base = measurement.together(*everyone)
            change = measure_change(
                Sides((here, there), (native, accelerated, native_base, accelerated_base), same_program)
            )
            launches = len(change.judged.logs)
            most = most or min(MOST_LAUNCHES, launches * GROWTH ** (LOOKS - 1))
            final = launches >= most or launches < wanted or self._pool_s <= 0  # there are all, or there was no time
            same_graph = same_program and _same_graph(measurement, *pair)
            alpha = looks.next_alpha(1.0 if final else launches / most) * (SAME_GRAPH_SHARE if same_graph else 1)
            status = decide(change, threshold, alpha, LOOKS)
            if status != "inconclusive" or final:
                break
            only = pair if same_program else everyone
            wanted = min(launches * GROWTH, most)
            more = MoreLaunches(wanted - launches, only, self._pool_s, change.judged.scatter)
            self._pool_s -= self._run.look_again(case, more)
        self._family.settle(looks, status in ("regressed", "improved"))
        native_note = status == "regressed" and not same_program and only_native_moved(change, threshold)
        if native_note:
            status = "unchanged"
        smallest = change.smallest_seen(max(2 * alpha, 1e-9))
        sentence = self._sentence(case, backend, threshold, status, change, measurement, native_note)
        if same_graph and status == "regressed":
            sentence += f", so it took {1 / SAME_GRAPH_SHARE:.0f} times the evidence"
        if status == "inconclusive":
            sentence += f"; the smallest loss it could have seen is {format_percent(smallest)}"
        return Verdict(status, threshold, change.estimate, sentence, smallest, looks.taken)

    def _sentence(
        self,
        case: Case,
        backend: str,
        threshold: float,
        status: str,
        change: Change,
        measurement: Measurement,
        native_note: bool,
    ) -> str:
        verb = VERBS[status]
        if native_note:
            verb = "has less speedup only because native got faster, which is no regression"
        then, now = measurement.speedup(base_of(backend)), measurement.speedup(backend)
        text = (
            f"{case.id} on {backend} {verb} against {self._against.title}: {format_estimate(then)} there, "
            f"{format_estimate(now)} here, a change of {format_estimate(change.estimate)} "
            f"(threshold {format_percent(threshold)}); {_sides(backend, change, measurement)}"
        )
        own, other = self._run.own_part(case), self._run.other_part(case)
        assert isinstance(other, Part)
        ready, ready_base = measurement.series[backend].ready, measurement.series[base_of(backend)].ready
        assert ready is not None
        assert ready_base is not None
        clauses = [
            *self._against.version_changes,
            *graph_change(ready_base.graph, ready.graph),
            *program_change(other.prepared.program, own.prepared.program, (other.prepared.cost, own.prepared.cost)),
        ]
        return text + (f"; {'; '.join(clauses)}" if clauses else "")


def _same_graph(measurement: Measurement, here: str, there: str) -> bool:
    """Return whether the engine executes the same kernels in both revisions, on one machine."""
    graphs = [ready.graph for name in (here, there) if (ready := measurement.series[name].ready) is not None]
    return len(graphs) == 2 and all(graphs) and graphs[0]["hash"] == graphs[1]["hash"]  # type: ignore[index]


def _sides(backend: str, change: Change, measurement: Measurement) -> str:
    """Say how each side's latency moved, in milliseconds of the median round."""
    parts = []
    for name, ratio in ((backend, change.accelerated), (NATIVE, change.native)):
        (here,), (there,) = measurement.together(name), measurement.together(base_of(name))
        parts.append(f"{name} {_typical_ms(there)} -> {_typical_ms(here)} ms, {_moved(ratio)}")
    return ", ".join(parts)


def _typical_ms(launches: list[list[float]]) -> str:
    values = sorted(value for launch in launches for value in launch)
    return format_ms(values[len(values) // 2])


def _moved(ratio: Estimate) -> str:
    if ratio.low <= 1 <= ratio.high:
        return "not surely moved"
    return "faster" if ratio.value > 1 else "slower"
