"""Judge by the engine's execution graph alone: without timing there is no noise, and the verdict is always the same."""

from __future__ import annotations

from typing import Any

from pytest_formfunc.gate.explain import graph_change

Graph = dict[str, Any]


def judge_graph(then: Graph, now: Graph) -> tuple[str, list[str]]:
    """Return a status and what changed, the losses first.

    A loss is a lost fusion, an added reorder, a fall back to a reference kernel, or a wider precision; a gain is the
    opposite. The status is ``unchanged`` if the same kernels run on the same shapes and layouts, else ``regressed`` if
    there is a loss, else ``improved`` if there is a gain, else ``inconclusive``, because only timing can show whether
    the other kernels are slower.
    """
    if then["hash"] == now["hash"]:
        return "unchanged", graph_change(then, now)
    losses: list[str] = []
    gains: list[str] = []
    executed = sum(now["kernels"].values()) - sum(then["kernels"].values())
    fused = now.get("fused", 0) - then.get("fused", 0)
    if executed * fused < 0:  # fused layers that were added or removed as a whole are neither
        (losses if fused < 0 else gains).append(
            f"layers fused into others {then.get('fused', 0)} -> {now.get('fused', 0)}"
        )
    for what, old, new in (
        ("kernels executed", sum(then["kernels"].values()), sum(now["kernels"].values())),
        ("reorders", then.get("reorders", 0), now.get("reorders", 0)),
        ("reference kernels", _count_reference(then), _count_reference(now)),
        ("bits of the widest precision", _widest_bits(then), _widest_bits(now)),
        ("kernels not in the main precision", _count_odd(then), _count_odd(now)),
    ):
        if old != new:
            (losses if new > old else gains).append(f"{what} {old} -> {new}")
    status = "regressed" if losses else "improved" if gains else "inconclusive"
    return status, [*losses, *gains, *graph_change(then, now)]


def _count_reference(graph: Graph) -> int:
    """Count OpenVINO's reference kernels, whose names are ``ref_any``, ``ref``, ``ref:any:f32`` and similar."""
    return sum(count for name, count in graph["kernels"].items() if name.split("_")[0].split(":")[0] == "ref")


def _bits(precision: str) -> int:
    digits = "".join(letter for letter in precision if letter.isdigit())
    return int(digits) if digits and len(digits) < 3 else 0


def _widest_bits(graph: Graph) -> int:
    return max((_bits(precision) for precision in graph.get("precisions", {})), default=0)


def _count_odd(graph: Graph) -> int:
    """Count kernels whose precision is not the most frequent one, such as casts and the kernels that they surround."""
    counts: dict[str, int] = graph.get("precisions", {})
    return sum(counts.values()) - max(counts.values(), default=0)
