"""What the benches say of the machine that they ran on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SAID = ("python", "torch", "openvino")  # of the versions in a record, those that a latency most depends on


def stolen_and_busy() -> tuple[int, int]:
    """Return the ticks that the host took from this machine (steal), and the sum of those and all used ticks."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _, _, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    return steal, user + nice + system + irq + softirq + steal


def stolen_since(before: tuple[int, int]) -> float:
    """Return the share of this machine's busy time that its host gave to others since an earlier look."""
    stolen, busy = (now - then for now, then in zip(stolen_and_busy(), before, strict=True))
    return stolen / max(busy, 1)


def describe(host: Mapping[str, Any], stolen: float | None) -> str:
    """Say which machine a run was on, by the description in its records, and what its host took of it.

    Args:
        host: the description.
        stolen: the share of the busy time; None if it is not known, as of runs that were saved.
    """
    versions = [f"{name} {host['versions'][name]}" for name in _SAID if host.get("versions", {}).get(name)]
    facts = ", ".join([str(host.get("cpu", "an unknown processor")), f"{host.get('cores', '?')} cores", *versions])
    return facts if stolen is None else f"{facts}; the host gave {stolen:.1%} of this machine's busy time to others"
