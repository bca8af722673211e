"""Hold a run to the stricter of both sides' rules, and say what this side has loosened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pytest_formfunc.plugin.given import given
from pytest_formfunc.plugin.plan import TestPlan
from pytest_formfunc.policy import Accepted, Policy, stricter

if TYPE_CHECKING:
    from pytest_formfunc.plugin.session import Session
    from pytest_formfunc.records import Key
    from pytest_formfunc.settings import Settings

# Settings of a whole run that a change could loosen: name for --formfunc-accept, field, and which of two is stricter.
_SETTINGS: tuple[tuple[str, str, Callable[[Any, Any], Any]], ...] = (
    ("strict", "strict", lambda here, there: here or there),
    ("gate", "gate", lambda here, there: "time" if "time" in (here, there) else here),
    ("budget", "budget_s", max),
    ("escalation", "escalation_s", max),
    ("precision", "precision", min),
)


@dataclass(frozen=True)
class OtherPolicies:
    """The rules of what a run is compared with.

    Attributes:
        title: its name in sentences.
        of_tests: by case, or group of tests, and backend.
        settings: of the whole run, by their fields in `Settings`.
    """

    title: str
    of_tests: Mapping[Key, Policy]
    settings: Mapping[str, Any] = field(default_factory=dict)


def describe_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings that the other side of a comparison asks for."""
    return {attribute: getattr(settings, attribute) for _, attribute, _ in _SETTINGS}


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
    for plan in plans:
        policy, there = plan.policy(settings), other.of_tests.get(plan.key)
        if there is None:
            continue
        accepts = _accepts(session, plan, accepted)
        session.policies[plan.test], loosened = stricter(policy, there, accepts)
        for one in loosened:
            clauses.setdefault(one.clause, []).append(plan.group)
    return [
        f"looser than {other.title}: {clause}{_of(groups)}; the stricter one holds, unless --formfunc-accept names it"
        for clause, groups in clauses.items()
    ]


def _accepts(session: Session, plan: TestPlan, accepted: Accepted) -> Callable[[str], bool]:
    """Return a function that says whether a looser rule of a test is accepted."""
    own = {"threshold": plan.marker.threshold, "fail_on": plan.marker.fail_on}

    def accepts(name: str) -> bool:
        by_command_line = name in own and own[name] is None and given(session.config, f"formfunc_{name}") is not None
        return by_command_line or name in accepted or f"{name}[{plan.group}]" in accepted

    return accepts


def _of(groups: Sequence[str]) -> str:
    names = list(dict.fromkeys(groups))
    if not names:
        return ""
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return f" of {', '.join(names[:2])}{more}"


def _text(value: Any) -> str:
    return {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)
