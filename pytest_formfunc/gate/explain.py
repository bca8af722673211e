"""Say what changed in what the engine executes; unlike timing, this has no noise."""

from __future__ import annotations

import contextlib
from typing import Any

from pytest_formfunc.function.layer_change import explain_loss
from pytest_formfunc.records import Record

_MOST_LAYERS = 2


def same_kernels(then: dict[str, Any] | None, now: dict[str, Any] | None) -> bool:
    """Return whether both execution graphs are known and equal."""
    return bool(then and now and then["hash"] == now["hash"])


def graph_change(then: dict[str, Any] | None, now: dict[str, Any] | None) -> list[str]:
    """Return a list with one clause about how two execution graphs differ; an empty list if either is unknown.

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
    return [f"kernels changed: {', '.join(changes)}{_first_layers(then, now)}"]


def _first_layers(then: dict[str, Any], now: dict[str, Any]) -> str:
    """Name the first layers, in the order of execution, that both graphs have and execute with different kernels."""
    old, new = then.get("layers", {}), now.get("layers", {})
    moved = [f"{name} {old[name]} -> {kernel}" for name, kernel in new.items() if old.get(name, kernel) != kernel]
    more = f" and {len(moved) - _MOST_LAYERS} more" if len(moved) > _MOST_LAYERS else ""
    return f" (at {', '.join(moved[:_MOST_LAYERS])}{more})" if moved else ""


_MOST_NAMES = 6


LAYERS, THERE = "layers", "there"  # of an observation: this side's, and the other side's of the same comparison


def layers_of(record: Record, side: str = LAYERS) -> Any:
    """Return the layers that were observed of a record, or of the other side; None where none were."""
    found = record.observations.get("layers")
    return found.get(side) if isinstance(found, dict) else None


def layer_change(there: Any, here: Any) -> list[str]:
    """Return a clause about the layer that a loss is in, where profiles of both sides (``layers``) are sure of one.

    Args:
        there: the layers of the other side, as an observation has them; anything else says nothing.
        here: those of this side.
    """
    with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):  # a file may hold anything
        return list(filter(None, [explain_loss(there or (), here or ())]))
    return []


def program_change(
    there: dict[str, Any], here: dict[str, Any], costs: tuple[dict[str, int], dict[str, int]]
) -> list[str]:
    """Return a clause about the operators, and one for each cost, each only if they differ between two programs.

    Where the operators are the same, the first clause says whose arguments or shapes changed.

    Args:
        there: the other revision's program, as `describe_program` returns it.
        here: this revision's program.
        costs: ``macs``, ``weight_bytes`` and ``activation_bytes`` of the other revision, then of this one.
    """
    clauses = []
    old, new = there["operators"], here["operators"]
    differ = [name for name in {*old, *new} if old.get(name, 0) != new.get(name, 0)]
    # First the operators that only one program has: they are most likely what the user changed.
    differ.sort(key=lambda name: (name in old and name in new, name))
    changed = [f"{_short(name)} {old.get(name, 0)} -> {new.get(name, 0)}" for name in differ[:_MOST_NAMES]]
    if changed:
        more = f" and {len(differ) - _MOST_NAMES} more" if len(differ) > _MOST_NAMES else ""
        clauses.append(f"operators changed: {', '.join(changed)}{more}")
    elif there["digest"] != here["digest"]:
        clauses.append(_other_calls(there.get("calls", {}), here.get("calls", {})))
    return [*clauses, *cost_change(*costs)]


def cost_change(there: dict[str, int], here: dict[str, int]) -> list[str]:
    """Return one clause for each cost of a call that differs between two programs.

    >>> cost_change({"macs": 2_000_000, "weight_bytes": 4}, {"macs": 3_000_000, "weight_bytes": 4})
    ['MACs 2M -> 3M']
    """
    kinds = (("macs", "MACs", ""), ("weight_bytes", "weights", "B"), ("activation_bytes", "activations", "B"))
    return [
        f"{title} {there[key] / 1e6:.4g}M{unit} -> {here[key] / 1e6:.4g}M{unit}"
        for key, title, unit in kinds
        if key in there and key in here and there[key] != here[key]
    ]


def _other_calls(there: dict[str, int], here: dict[str, int]) -> str:
    """Return a clause about programs of the same operators, whose arguments, shapes or order differ."""
    gone = [call for call, count in there.items() if here.get(call, 0) < count]
    come = [call for call, count in here.items() if there.get(call, 0) < count]
    if not gone or not come:
        return "the same operators in another order, or on other layouts"
    old = min(gone, key=lambda call: (not any(call.partition("(")[0] == one.partition("(")[0] for one in come), call))
    new = next((call for call in come if call.partition("(")[0] == old.partition("(")[0]), come[0])
    more = f" and {len(come) - 1} more" if len(come) > 1 else ""
    return f"the same operators with other arguments: {old} -> {new}{more}"


def _short(operator: str) -> str:
    """Return an operator's name without its namespace and overload.

    >>> _short("aten.conv2d.default")
    'conv2d'
    """
    parts = operator.split(".")
    return parts[1] if len(parts) > 2 else operator
