"""Say what changed in what the engine executes: it has no noise."""

from __future__ import annotations

from typing import Any


def graph_change(then: dict[str, Any] | None, now: dict[str, Any] | None) -> list[str]:
    """Return one clause about the kernels that differ between two runs' execution graphs; empty where unknown.

    >>> graph_change({"hash": "a", "kernels": {"brgconv": 3}}, {"hash": "b", "kernels": {"brgconv": 2, "ref": 1}})
    ['kernels changed: brgconv 3 -> 2, ref 0 -> 1']
    """
    if then is None or now is None:
        return []
    if then["hash"] == now["hash"]:
        return ["the engine executes the same kernels as before"]
    old, new = then["kernels"], now["kernels"]
    changes = [
        f"{name} {old.get(name, 0)} -> {new.get(name, 0)}"
        for name in sorted({*old, *new})
        if old.get(name, 0) != new.get(name, 0)
    ]
    if not changes:
        return ["the same kernels in another graph (shapes or layouts differ)"]
    return [f"kernels changed: {', '.join(changes)}"]


Facts = tuple[dict[str, Any] | None, dict[str, Any]]


def describe_change(then: Facts, now: Facts, costs: tuple[dict[str, int], dict[str, int]]) -> list[str]:
    """Return at most three clauses about what changed without timing anything.

    Args:
        then: the engine's execution graph and the program (`describe_program`) of the other revision.
        now: the same of this one.
        costs: macs and params, then and now.
    """
    clauses = graph_change(then[0], now[0])
    old, new = then[1]["operators"], now[1]["operators"]
    operators = [
        f"{_short(name)} {old.get(name, 0)} -> {new.get(name, 0)}"
        for name in sorted({*old, *new})
        if old.get(name, 0) != new.get(name, 0)
    ]
    if operators:
        more = f" and {len(operators) - 4} more" if len(operators) > 4 else ""
        clauses.append(f"operators changed: {', '.join(operators[:4])}{more}")
    macs_then, macs_now = costs[0]["macs"], costs[1]["macs"]
    if macs_then != macs_now:
        clauses.append(f"MACs {macs_then / 1e6:.4g}M -> {macs_now / 1e6:.4g}M")
    return clauses[:3]


def _short(operator: str) -> str:
    """Return an operator's own name.

    >>> _short("aten.conv2d.default")
    'conv2d'
    """
    parts = operator.split(".")
    return parts[1] if len(parts) > 2 else operator
