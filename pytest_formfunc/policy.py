"""What fails a test. Of two sides' rules the stricter one holds, unless the command line accepts the looser one.

A change could otherwise raise its own threshold, or leave out the case that it makes slower.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_formfunc.journal.lines import Header
from pytest_formfunc.json_reading import read_list, read_number, read_text
from pytest_formfunc.option_specs import FAIL_ON
from pytest_formfunc.records import Key
from pytest_formfunc.units import format_ms, format_percent, format_ratio


@dataclass(frozen=True)
class Policy:
    """What fails one test.

    Attributes:
        threshold: the loss of speedup that counts, as a fraction.
        fail_on: kinds of verdict that fail it.
        min_speedup: floor of the speedup; None without one.
        max_latency_s: ceiling of the latency in seconds; None without one.
    """

    threshold: float
    fail_on: tuple[str, ...] = ("loss",)
    min_speedup: float | None = None
    max_latency_s: float | None = None


DEFAULT = Policy(0.1)  # what the options' defaults are


@dataclass(frozen=True)
class Loosened:
    """One rule that this side has loosened.

    Attributes:
        name: of the rule, as ``--formfunc-accept`` takes it.
        clause: what it is here, and what it is there.
    """

    name: str
    clause: str


class Accepted:
    """The names that the command line accepts to be gone or looser; ``*`` stands for any text."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        """Take the names."""
        self._patterns = [re.compile(".*".join(map(re.escape, name.split("*")))) for name in names]

    def __contains__(self, name: str) -> bool:
        """Return whether a name is accepted.

        >>> [name in Accepted(["threshold", "fire-*"]) for name in ("threshold", "fire-d2-w64", "plain-d2-w64")]
        [True, True, False]
        """
        return any(pattern.fullmatch(name) for pattern in self._patterns)


def stricter(here: Policy, there: Policy, accepts: Callable[[str], bool]) -> tuple[Policy, list[Loosened]]:
    """Return the stricter of two policies, and what this side has loosened and nobody accepts.

    Args:
        here: of this side.
        there: of what it is compared with.
        accepts: returns whether a looser rule of this side is accepted, by the rule's name.
    """
    held, loosened = here, []
    for name, field, is_looser, show in _RULES:
        mine, other = getattr(here, field), getattr(there, field)
        if other is None or mine == other or not is_looser(mine, other) or accepts(name):
            continue
        loosened.append(Loosened(name, f"{name} {show(mine)}, there {show(other)}"))
        value = tuple(dict.fromkeys((*mine, *other))) if field == "fail_on" else other
        changed: dict[str, Any] = {field: value}
        held = replace(held, **changed)
    return held, loosened


@dataclass(frozen=True)
class Planned:
    """One test of the other side of a comparison.

    Attributes:
        test: its id.
        group: the id of its case, or what the tests of a model of its own share.
        backend: name of the backend whose record it gets.
        policy: what fails it.
    """

    test: str
    group: str
    backend: str
    policy: Policy

    @property
    def key(self) -> Key:
        """Return the group and the backend."""
        return self.group, self.backend


def describe_policies(header: Header) -> list[dict[str, Any]]:
    """Return what a saved run says of what failed its tests: by their markers and the ini file."""
    return [
        {"test": test, "case": case, "backend": backend, **rules}
        for test, (case, backend), rules in zip(header.tests, header.planned, header.rules, strict=False)
    ]


def read_policies(entries: Any) -> tuple[Planned, ...]:
    """Read what `describe_policies` returned.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    found = []
    for entry in read_list({"policies": entries}, "policies"):
        limits = [
            None if entry[name] is None else read_number(entry, name) for name in ("min_speedup", "max_latency_s")
        ]
        fail_on = tuple(read_text({"kind": kind}, "kind") for kind in read_list(entry, "fail_on"))
        threshold = read_number(entry, "threshold")
        if not 0 < threshold < 1 or not {*fail_on} <= {*FAIL_ON}:
            raise ValueError(f"a threshold of {threshold} or a kind of verdict in {fail_on} is none")
        test, case, backend = (read_text(entry, name) for name in ("test", "case", "backend"))
        found.append(Planned(test, case, backend, Policy(threshold, fail_on, *limits)))
    return tuple(found)


def _show(format_one: Callable[[float], str]) -> Callable[[float | None], str]:
    return lambda value: "none" if value is None else format_one(value)


_RULES = (
    ("threshold", "threshold", lambda mine, other: mine > other, _show(format_percent)),
    ("fail_on", "fail_on", lambda mine, other: not {*mine} >= {*other}, ",".join),
    ("min_speedup", "min_speedup", lambda mine, other: mine is None or mine < other, _show(format_ratio)),
    ("max_latency", "max_latency_s", lambda mine, other: mine is None or mine > other,
     _show(lambda seconds: f"{format_ms(seconds)} ms")),
)  # fmt: skip
