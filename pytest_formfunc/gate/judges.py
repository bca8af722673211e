"""Choose the judge of a run, which depends on what is judged and on what it is compared with."""

from __future__ import annotations

from pytest_formfunc.gate.baseline import Baseline
from pytest_formfunc.gate.decision import Locks
from pytest_formfunc.gate.error_budget import FAMILY_ALPHA, Family, alpha_of_single
from pytest_formfunc.gate.graph_gate import GraphJudge, SavedGraphJudge
from pytest_formfunc.gate.judge import Judge, OtherSide
from pytest_formfunc.gate.saved import SavedJudge, locks_of_saved
from pytest_formfunc.gate.side_by_side import SideBySideJudge


def make_judge(
    compared_with: OtherSide | Baseline | None,
    gate: str,
    comparisons: int,
    escalation_s: float,
    locks: Locks,
    *,
    in_order: bool = True,
) -> Judge | None:
    """Return the judge of a run, or None if nothing is compared.

    Args:
        compared_with: another revision, or a saved run.
        gate: what is judged: ``time`` or ``graph``.
        comparisons: number of comparisons in the run.
        escalation_s: seconds for the further looks at each comparison.
        locks: where a verdict by time turns.
        in_order: whether this judge makes all comparisons of the run, in their order; else others make the rest of
            them at the same time.
    """
    if isinstance(compared_with, OtherSide):
        if gate == "graph":
            return GraphJudge(compared_with)
        # With servers of its own on either side, what cases lost together fails nothing.
        alpha = FAMILY_ALPHA if compared_with.own_servers else alpha_of_single(comparisons)
        family = Family(comparisons, alpha, in_order)
        return SideBySideJudge(compared_with, family, escalation_s, locks)
    if compared_with is not None:
        if gate == "graph":
            return SavedGraphJudge(compared_with)
        family = Family(comparisons, in_order=in_order)
        return SavedJudge(compared_with, family, escalation_s, locks_of_saved(locks))
    return None
