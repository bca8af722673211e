"""Judge one accelerated test by what the engine executes: deterministic, and it takes only one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_formfunc.gate.baseline import Baseline
from pytest_formfunc.gate.comparable import why_not_comparable
from pytest_formfunc.gate.explain import cost_change, program_change
from pytest_formfunc.gate.graph import judge_graph
from pytest_formfunc.gate.judge import Evidence, Judgement, OtherSide
from pytest_formfunc.measure.artifacts import Prepared
from pytest_formfunc.measure.participants import Participant
from pytest_formfunc.records.parts import Verdict
from pytest_formfunc.results import Absent

_VERBS = {
    "regressed": "executes a worse graph",
    "improved": "executes a better graph",
    "unchanged": "executes the same graph",
    "inconclusive": "executes another graph, and only timing can tell whether it is worse",
}
_VERBS_OF_ANOTHER = "executes the same kernels for another program, and only timing can tell whether it is worse"


class GraphJudge:
    """Compares with the graph of another revision, which is compiled in this run."""

    def __init__(self, other: OtherSide) -> None:
        """Take a description of the other side."""
        self._other = other

    def judge(self, evidence: Evidence, threshold: float) -> Judgement:
        """Return the verdict on one accelerated test."""
        return Judgement(self._verdict(evidence, threshold))

    def _verdict(self, evidence: Evidence, threshold: float) -> Verdict:
        title, there = evidence.title, evidence.there
        if isinstance(there, Absent):
            return Verdict(there.status, threshold, None, f"{title} is {there.status}: {there.reason}")
        here, measurement = Participant(evidence.key[1]), evidence.measurement
        if measurement is None or there is None or here.counterpart not in measurement.series:
            reason = measurement.failures.get(here.counterpart, "it was not prepared") if measurement else "it failed"
            reason = f"at {self._other.title}: {reason}"
            return Verdict("not comparable", threshold, None, f"{title} is not comparable: {reason}")
        prepared_here: Prepared | None = evidence.here
        assert prepared_here is not None
        clauses = program_change(there.program, prepared_here.program, (there.cost, prepared_here.cost))
        graphs = (measurement.graph(here.counterpart), measurement.graph(here))
        return _verdict(title, f"than {self._other.title}", graphs, clauses, threshold, self._other.version_changes)


class SavedGraphJudge:
    """Compares with the graph that a saved run recorded."""

    def __init__(self, baseline: Baseline) -> None:
        """Take the saved run."""
        self._baseline = baseline

    def judge(self, evidence: Evidence, threshold: float) -> Judgement | None:
        """Return the verdict, or None if the case failed in this run."""
        now, then = evidence.record(), self._baseline.records.get(evidence.key)
        if now is None:
            return None
        if then is None:
            reason = f"{evidence.title} is new: the baseline lacks it"
            return Judgement(Verdict("new", threshold, None, reason))
        unlike = why_not_comparable(now, then)
        if unlike is not None:
            return Judgement(Verdict("not comparable", threshold, None, unlike))
        clauses = cost_change(then.cost, now.cost)
        programs = {record.graph.get("program") for record in (then, now) if record.graph} - {None, ""}
        exporters = {record.host.get("versions", {}).get("torch") for record in (then, now)}
        if len(programs) > 1 and len(exporters) == 1 and not clauses:
            clauses = [
                "the network's program differs in arguments, shapes or layouts (kernel size, stride, padding, ...)"
            ]
        return Judgement(_verdict(evidence.title, "than the baseline", (then.graph, now.graph), clauses, threshold))


def _verdict(
    title: str,
    than: str,
    graphs: tuple[dict[str, Any] | None, dict[str, Any] | None],
    clauses: list[str],
    threshold: float,
    versions: Sequence[str] = (),
) -> Verdict:
    """Judge two graphs.

    Args:
        title: what is judged, for the sentence.
        than: what it is compared with, for the sentence, after "than".
        graphs: the earlier or other revision's graph, then this run's.
        clauses: how the programs differ.
        threshold: the loss of speedup that counts, as a fraction; only recorded.
        versions: how the packages differ.
    """
    then, now = graphs
    if then is None or now is None:
        reason = f"{title} is not comparable: its engine does not report what it executes"
        return Verdict("not comparable", threshold, None, reason)
    status, changes = judge_graph(then, now)
    if status == "unchanged" and clauses:  # a kernel's name does not say how much it computes
        return Verdict(
            "inconclusive", threshold, None, f"{title} {_VERBS_OF_ANOTHER}: {'; '.join([*clauses, *versions])}"
        )
    than = than.replace("than", "as", 1) if status == "unchanged" else than
    return Verdict(
        status, threshold, None, f"{title} {_VERBS[status]} {than}: {'; '.join([*changes, *clauses, *versions])}"
    )
