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
        return ["the engine executes the same graph as then"]
    old, new = then["kernels"], now["kernels"]
    changes = [
        f"{name} {old.get(name, 0)} -> {new.get(name, 0)}"
        for name in sorted({*old, *new})
        if old.get(name, 0) != new.get(name, 0)
    ]
    if not changes:
        return ["the same kernels in another graph (shapes or layouts differ)"]
    return [f"kernels changed: {', '.join(changes)}"]
