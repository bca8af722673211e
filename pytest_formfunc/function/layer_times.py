"""The account of a call, layer by layer: what each layer takes on both sides, and what no layer takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_formfunc.function.layers import Operator, Row


@dataclass(frozen=True)
class LayerCost:
    """What a row computes.

    Attributes:
        macs: multiply-accumulates.
        moved_bytes: what it reads from outside, weights among it, and what others read of it.
    """

    macs: int
    moved_bytes: int


def cost_of(row: Row, operators: Sequence[Operator], sizes: Mapping[str, int]) -> LayerCost:
    """Return what a row computes and moves, each tensor once; what stays inside moves nothing.

    Args:
        row: one of the rows.
        operators: all of the program.
        sizes: bytes of the program's inputs and weights, by name.
    """
    made = {one.name: one.made_bytes for one in operators}
    own = {one.name for one in row.operators}
    free = {one.name: one.inputs[0] for one in operators if one.is_free and one.inputs}

    def owner(name: str) -> str:
        while name in free:
            name = free[name]
        return name

    read = {owner(name) for one in row.operators if not one.is_free for name in one.inputs}
    outside = {name for name in read if name not in own}
    read_elsewhere = {owner(name) for one in operators if one.name not in own for name in one.inputs}
    last = {operators[-1].name} if operators else set()
    written = {name for name in own if name in read_elsewhere | {owner(one) for one in last} and name not in free}
    moved = sum({**sizes, **made}.get(name, 0) for name in outside) + sum(made[name] for name in written)
    return LayerCost(sum(one.macs for one in row.operators), moved)


def seconds_of(names: Sequence[str], times: Mapping[str, float]) -> float:
    """Return the seconds of some operators or steps together; those that did not run take none.

    >>> seconds_of(["a", "b"], {"a": 1.0, "c": 2.0})
    1.0
    """
    return sum(times.get(name, 0.0) for name in names)


def matched_share(rows: Sequence[Row], times: Mapping[str, float], *, others: bool) -> float:
    """Return the share of the time of one side's steps that is in rows which both sides have.

    Args:
        rows: of both.
        times: of the side's steps, by name.
        others: whether it is the other side.
    """

    def names(row: Row) -> list[str]:
        return [one.name for one in (row.others if others else row.steps)]

    whole = sum(seconds_of(names(row), times) for row in rows)
    matched = sum(seconds_of(names(row), times) for row in rows if row.is_matched)
    return matched / whole if whole else 0.0
