"""What fails a test. Of two sides' rules the stricter one holds, unless the command line accepts the looser one.

A change could otherwise raise its own threshold, or leave out the case that it makes slower.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pytest_formfunc.journal.lines import Row
from pytest_formfunc.json_reading import read_number, read_text
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


def policy_of_row(row: Row) -> Policy:
    """Return what failed a test of an earlier run, by its row; the record has the outcomes of its limits."""
    by_name = {limit.name: limit.limit for limit in row.record.limits}
    fail_on = row.fail_on or Policy.fail_on
    return Policy(row.threshold, fail_on, by_name.get("min_speedup"), by_name.get("max_latency"))


def describe_policies(rows: Mapping[Key, Row]) -> list[dict[str, Any]]:
    """Return what a saved run says of what failed its tests."""
    return [{"case": case, "backend": backend, **asdict(policy_of_row(row))} for (case, backend), row in rows.items()]


def read_policies(entries: Any) -> dict[Key, Policy]:
    """Read what `describe_policies` returned.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    found = {}
    for entry in entries:
        limits = [
            None if entry[name] is None else read_number(entry, name) for name in ("min_speedup", "max_latency_s")
        ]
        fail_on = tuple(read_text({"kind": kind}, "kind") for kind in entry["fail_on"])
        key = read_text(entry, "case"), read_text(entry, "backend")
        found[key] = Policy(read_number(entry, "threshold"), fail_on, *limits)
    return found


def _show(format_one: Callable[[float], str]) -> Callable[[float | None], str]:
    return lambda value: "none" if value is None else format_one(value)


_RULES = (
    ("threshold", "threshold", lambda mine, other: mine > other, _show(format_percent)),
    ("fail_on", "fail_on", lambda mine, other: not {*mine} >= {*other}, ",".join),
    ("min_speedup", "min_speedup", lambda mine, other: mine is None or mine < other, _show(format_ratio)),
    ("max_latency", "max_latency_s", lambda mine, other: mine is None or mine > other,
     _show(lambda seconds: f"{format_ms(seconds)} ms")),
)  # fmt: skip
