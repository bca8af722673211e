"""Judge by the engine's execution graph alone: no timing, no noise, the same verdict every time."""

from __future__ import annotations

from typing import Any

from pytest_formfunc.gate.explain import graph_change

Graph = dict[str, Any]


def judge_graph(then: Graph, now: Graph) -> tuple[str, list[str]]:
    """Return a status and what changed, the losses first.

    A loss is a fusion lost, a reorder gained, a fall back to a reference kernel, or a wider precision; a gain is the
    opposite. With a loss: ``regressed``. With gains only: ``improved``. With neither, but other kernels:
    ``inconclusive``, for only timing can tell. The same kernels on the same shapes and layouts: ``unchanged``.
    """
    if then["hash"] == now["hash"]:
        return "unchanged", graph_change(then, now)
    losses: list[str] = []
    gains: list[str] = []
    executed = sum(now["kernels"].values()) - sum(then["kernels"].values())
    fused = now.get("fused", 0) - then.get("fused", 0)
    if executed * fused < 0:  # layers that came or went with their fusion are neither
        (losses if fused < 0 else gains).append(f"layers fused into others {then['fused']} -> {now['fused']}")
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
    """Count OpenVINO's reference kernels: ``ref_any``, ``ref``, ``ref:any:f32`` and the like."""
    return sum(count for name, count in graph["kernels"].items() if name.split("_")[0].split(":")[0] == "ref")


def _bits(precision: str) -> int:
    digits = "".join(letter for letter in precision if letter.isdigit())
    return int(digits) if digits and len(digits) < 3 else 0


def _widest_bits(graph: Graph) -> int:
    return max((_bits(precision) for precision in graph.get("precisions", {})), default=0)


def _count_odd(graph: Graph) -> int:
    """Count kernels whose precision is not the most frequent one: casts, and what was left behind by them."""
    counts: dict[str, int] = graph.get("precisions", {})
    return sum(counts.values()) - max(counts.values(), default=0)
