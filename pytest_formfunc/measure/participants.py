"""Two revisions in one measurement: names of participants, and whose code a worker runs."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_formfunc.backends import NATIVE
from pytest_formfunc.revisions.environment import Environment

_BASE = "@base"


def base_of(backend: str) -> str:
    """Return the name under which the other revision's worker of a backend takes part."""
    return backend + _BASE


def engine_name(participant: str) -> str:
    """Return the backend of a participant, whichever revision it belongs to."""
    return participant.removesuffix(_BASE)


def reference_of(participant: str) -> str:
    """Return the native participant of the same revision."""
    return NATIVE + participant[len(engine_name(participant)) :]


def is_base(participant: str) -> bool:
    """Return whether a participant belongs to the other revision."""
    return participant.endswith(_BASE)


@dataclass(frozen=True)
class Side:
    """Whose code a worker runs.

    Attributes:
        sys_path: import path; None for this process' own.
        cwd: working directory; None for this process' own.
        forms: folder of the ``forms`` package to use in place of the installed one, or None.
        environment: whose packages are used, None for this process' own; ``sys_path`` comes before them.
        trees: the user's tree, of which nothing may be imported, and the one to use instead; or None.
    """

    sys_path: tuple[str, ...] | None = None
    cwd: str | None = None
    forms: str | None = None
    environment: Environment | None = None
    trees: tuple[str, str] | None = None


HEAD = Side()
