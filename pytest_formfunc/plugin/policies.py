"""Hold a run to the stricter of both sides' rules, and say what this side has loosened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pytest_formfunc.errors import BadInput
from pytest_formfunc.plugin.given import given
from pytest_formfunc.plugin.options import ini_settings
from pytest_formfunc.plugin.plan import TestPlan
from pytest_formfunc.policy import Accepted, Planned, Policy, stricter

if TYPE_CHECKING:
    from pytest_formfunc.plugin.session import Session
    from pytest_formfunc.records import Key

# Settings of a whole run that a change could loosen: name for --formfunc-accept, field, and which of two is stricter.
_SETTINGS: tuple[tuple[str, str, Callable[[Any, Any], Any]], ...] = (
    ("strict", "strict", lambda here, there: here or there),
    ("gate", "gate", lambda here, there: "time" if "time" in (here, there) else here),
    ("budget", "budget_s", max),
    ("escalation", "escalation_s", max),
    ("precision", "precision", min),
    ("threshold_means", "threshold_means", min),  # found comes before measured, and finds more
)


@dataclass(frozen=True)
class OtherPolicies:
    """The rules of what a run is compared with.

    Attributes:
        title: its name in sentences.
        planned: its tests.
        settings: of the whole run, by their fields in `Settings`.
        same_options: whether it was asked for with this run's command line, so that what that gives is no difference.
        default: the rules of tests that it has none for; None for none.
    """

    title: str
    planned: Sequence[Planned]
    settings: Mapping[str, Any] = field(default_factory=dict)
    same_options: bool = False
    default: Policy | None = None

    def of(self, plans: Sequence[TestPlan]) -> dict[str, Policy]:
        """Return the rules that tests are compared with, by their ids.

        They are those of the same test, and the strictest ones of the tests of the same case and backend that are gone:
        a test may be one of them under another name, and is all that is left to hold what they did.
        """
        by_test = {one.test: one.policy for one in self.planned}
        here = {plan.test for plan in plans}
        gone: dict[Key, Policy] = {}
        for one in self.planned:
            if one.test not in here:
                before = gone.get(one.key)
                gone[one.key] = one.policy if before is None else stricter(before, one.policy, lambda _: False)[0]
        found = {}
        for plan in plans:
            both = [one for one in (by_test.get(plan.test), gone.get(plan.key)) if one is not None]
            both = both or ([] if self.default is None else [self.default])
            if both:
                found[plan.test] = stricter(both[0], both[-1], lambda _: False)[0]
        return found


def describe_settings(session: Session) -> dict[str, Any]:
    """Return the settings that a side of a comparison asks for by its ini file and its code."""
    names = [*((name, attribute) for name, attribute, _ in _SETTINGS), ("native", "native")]
    return {
        attribute: getattr(session.settings, attribute)
        for name, attribute in names
        if given(session.config, f"formfunc_{name}") is None
    }


def own_policy(session: Session, plan: TestPlan) -> Policy:
    """Return what fails a test by its marker and the ini file, whatever this run's command line asks for."""
    policy = plan.policy(session.settings)
    own = {"threshold": plan.marker.threshold, "fail_on": plan.marker.fail_on}
    asked = [name for name in own if own[name] is None and given(session.config, f"formfunc_{name}") is not None]
    if not asked:
        return policy
    from_file = ini_settings(session.config)
    return replace(policy, **{name: getattr(from_file, name) for name in asked})


def hold_stricter(session: Session, plans: Sequence[TestPlan], other: OtherPolicies) -> list[str]:
    """Give the session the stricter rules of both sides; return a sentence for each kind that this side has loosened.

    What the command line itself asks for is no loosening.

    Args:
        session: gets the settings, and a policy for each test.
        plans: of its tests that measure.
        other: the rules of what it is compared with.
    """
    accepted, clauses = Accepted(session.settings.accept), dict[str, list[str]]()
    settings = session.settings
    for name, attribute, choose in _SETTINGS:
        here, there = getattr(settings, attribute), other.settings.get(attribute)
        if there is None or given(session.config, f"formfunc_{name}") is not None or name in accepted:
            continue
        if (held := choose(here, there)) != here:
            clauses.setdefault(f"{name} {_text(here)}, there {_text(there)}", [])
            settings = replace(settings, **{attribute: held})
    session.use(settings)
    if problem := _about_native(session, other, accepted):
        clauses.setdefault(problem, [])
    others = other.of(plans)
    for plan in plans:
        policy, there = plan.policy(settings), others.get(plan.test)
        if there is None:
            continue
        accepts = _accepts(session, plan, accepted, other)
        session.policies[plan.test], loosened = stricter(policy, there, accepts)
        for one in loosened:
            clauses.setdefault(one.clause, []).append(plan.group)
    return [
        f"looser than {other.title}: {clause}{_of(groups)}; the stricter one holds, unless --formfunc-accept names it"
        for clause, groups in clauses.items()
    ]


def _about_native(session: Session, other: OtherPolicies, accepted: Accepted) -> str:
    """Return a clause if this side's ini file has another engine measured as native, over which a loss may not show.

    Raises:
        BadInput: so it is, and the run is strict.
    """
    here, there = session.settings.native, other.settings.get("native")
    if there in (None, here) or given(session.config, "formfunc_native") is not None or "native" in accepted:
        return ""
    if session.settings.strict:
        raise BadInput(
            f"native is {here!r} by the ini file, and {there!r} at {other.title}: give --formfunc-native, or accept "
            "this by --formfunc-accept native"
        )
    return f"native {here}, there {there}"


def _accepts(session: Session, plan: TestPlan, accepted: Accepted, other: OtherPolicies) -> Callable[[str], bool]:
    """Return a function that says whether a looser rule of a test is accepted."""
    own = {"threshold": plan.marker.threshold, "fail_on": plan.marker.fail_on}

    def accepts(name: str) -> bool:
        by_option = not other.same_options and given(session.config, f"formfunc_{name}") is not None
        return (by_option and own.get(name, True) is None) or name in accepted or f"{name}[{plan.group}]" in accepted

    return accepts


def _of(groups: Sequence[str]) -> str:
    names = list(dict.fromkeys(groups))
    if not names:
        return ""
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return f" of {', '.join(names[:2])}{more}"


def _text(value: Any) -> str:
    return {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)
