"""The verdict on one accelerated test by what the engine executes: deterministic, in the time of one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_formfunc.cases import Case
from pytest_formfunc.gate.baseline import Baseline
from pytest_formfunc.gate.explain import program_change
from pytest_formfunc.gate.graph import judge_graph
from pytest_formfunc.gate.saved_change import why_not_comparable
from pytest_formfunc.gate.side_by_side import Measuring
from pytest_formfunc.measure.launch import Part
from pytest_formfunc.measure.participants import base_of
from pytest_formfunc.records import Record, Verdict
from pytest_formfunc.revisions.other_revision import Absent, Against

_VERBS = {
    "regressed": "executes a worse graph",
    "improved": "executes a better graph",
    "unchanged": "executes the same graph",
    "inconclusive": "executes another graph, and only timing can tell whether it is worse",
}
_VERBS_OF_ANOTHER = "executes the same kernels for another program, and only timing can tell whether it is worse"


def judge_against(run: Measuring, against: Against, case: Case, backend: str, threshold: float) -> Verdict:
    """Compare with another revision's graph, compiled in this run."""
    title = f"{case.id} on {backend}"
    other = run.other_part(case)
    if isinstance(other, Absent):
        return Verdict(other.status, threshold, None, f"{title} is {other.status}: {other.reason}")
    measurement = run.measurement(case)
    if measurement is None or not isinstance(other, Part) or base_of(backend) not in measurement.series:
        reason = measurement.failures.get(base_of(backend), "it was not prepared") if measurement else "it failed"
        reason = f"at {against.title}: {reason}"
        return Verdict("not comparable", threshold, None, f"{title} is not comparable: {reason}")
    ready, ready_base = measurement.series[backend].ready, measurement.series[base_of(backend)].ready
    own = run.own_part(case)
    clauses = program_change(other.prepared.program, own.prepared.program, (other.prepared.cost, own.prepared.cost))
    graphs = (ready_base.graph if ready_base else None, ready.graph if ready else None)
    return _verdict(title, f"than {against.title}", graphs, clauses, threshold, against.version_changes)


def judge_saved(now: Record, baseline: Baseline, threshold: float) -> Verdict:
    """Compare with the graph that a saved run recorded."""
    title = f"{now.case} on {now.backend}"
    then = baseline.records.get((now.case, now.backend))
    if then is None:
        return Verdict("new", threshold, None, f"{title} is new: the baseline lacks it")
    reason = why_not_comparable(now, then)
    if reason is not None:
        return Verdict("not comparable", threshold, None, reason)
    return _verdict(title, "than the baseline", (then.graph, now.graph), [], threshold)


def _verdict(
    title: str,
    than: str,
    graphs: tuple[dict[str, Any] | None, dict[str, Any] | None],
    clauses: list[str],
    threshold: float,
    versions: Sequence[str] = (),
) -> Verdict:
    """Judge two graphs; ``clauses`` say how the programs differ and ``versions`` how the packages do."""
    then, now = graphs
    if then is None or now is None:
        reason = f"{title} is not comparable: its engine tells nothing of what it executes"
        return Verdict("not comparable", threshold, None, reason)
    status, changes = judge_graph(then, now)
    if status == "unchanged" and clauses:  # a kernel's name does not tell how much it computes
        return Verdict(
            "inconclusive", threshold, None, f"{title} {_VERBS_OF_ANOTHER}: {'; '.join([*clauses, *versions])}"
        )
    than = than.replace("than", "as", 1) if status == "unchanged" else than
    return Verdict(
        status, threshold, None, f"{title} {_VERBS[status]} {than}: {'; '.join([*changes, *clauses, *versions])}"
    )
