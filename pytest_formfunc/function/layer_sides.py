"""Two engines layer by layer: layers that have operators in common are joined, so that both sides of a row compute the
same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SideBySide:
    """What two engines take for the same operators.

    Attributes:
        label: the layers of the engine that has divided them more finely.
        operators: of the program; empty for what an engine has put in.
        seconds: of both, in their order; 0 where an engine has no step for it.
    """

    label: str
    operators: tuple[str, ...]
    seconds: tuple[float, float]


def side_by_side(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> list[SideBySide]:
    """Return rows of the same operators, those that differ most first; steps that an engine has put in come as one row.

    Args:
        one: layers of an engine, as the instrument ``layers`` finds them.
        other: those of another engine for the same program.

    >>> conv, relu = ({"layer": name, "operators": [name], "seconds": {"value": 1.0}} for name in ("conv", "relu"))
    >>> both = {"layer": "conv, relu", "operators": ["conv", "relu"], "seconds": {"value": 1.5}}
    >>> side_by_side([conv, relu], [both])
    [SideBySide(label='conv; relu', operators=('conv', 'relu'), seconds=(2.0, 1.5))]
    """
    groups: list[tuple[set[str], list[list[Mapping[str, Any]]]]] = []
    put_in: list[list[Mapping[str, Any]]] = [[], []]
    for side, layers in enumerate((one, other)):
        for layer in layers:
            own = set(map(str, layer["operators"]))
            if not own:
                put_in[side].append(layer)
                continue
            joined = [group for group in groups if group[0] & own]
            members = [[one for group in joined for one in group[1][place]] for place in (0, 1)]
            members[side].append(layer)
            groups = [group for group in groups if group not in joined]
            groups.append((own.union(*(group[0] for group in joined)), members))
    rows = [_row(tuple(sorted(own)), members) for own, members in groups]
    if any(put_in):
        rows.append(_row((), put_in))
    return sorted(rows, key=lambda row: -abs(row.seconds[0] - row.seconds[1]))


def _row(operators: tuple[str, ...], members: list[list[Mapping[str, Any]]]) -> SideBySide:
    finer = max(members, key=len)
    label = "; ".join(str(one["layer"]) for one in finer) if operators else "steps that an engine has put in"
    first, second = (sum(_seconds(one) for one in layers) for layers in members)
    return SideBySide(label, operators, (first, second))


def _seconds(layer: Mapping[str, Any]) -> float:
    return float(layer["seconds"]["value"]) if "seconds" in layer else 0.0
