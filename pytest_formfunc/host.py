"""Describe this machine: what must be equal before two runs may be compared, and library versions for the record.

The figures come from Linux's files; no heavy library is loaded.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ISA_FLAGS = (
    "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_bf16", "amx_int8", "asimd", "sve", "bf16",
)  # fmt: skip


def allowed_cores() -> int:
    """Return how many cores this process may use: its affinity, limited by the cgroup's CPU quota."""
    return max(1, math.floor(min(float(len(os.sched_getaffinity(0))), _cgroup_quota_cores())))


def _cgroup_quota_cores(root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> float:
    """Return the CPU quota in cores, infinite where there is none (cgroup v2 ``cpu.max``, v1 ``cfs_quota_us``)."""
    quota = math.inf
    for group in _cgroups(root, membership, ("cpu", "cpu,cpuacct")):
        with contextlib.suppress(OSError, ValueError):
            limit, period = (group / "cpu.max").read_text().split()
            if limit != "max":
                quota = min(quota, int(limit) / int(period))
        with contextlib.suppress(OSError, ValueError):
            limit_us = int((group / "cpu.cfs_quota_us").read_text())
            if limit_us > 0:
                quota = min(quota, limit_us / int((group / "cpu.cfs_period_us").read_text()))
    return max(quota, 0.0)


@dataclass(frozen=True)
class MemoryLimit:
    """How many bytes may be used, and where that limit comes from."""

    bytes: int
    origin: str


def memory_limit(
    root: Path = Path("/sys/fs/cgroup"),
    membership: Path = Path("/proc/self/cgroup"),
    meminfo: Path = Path("/proc/meminfo"),
) -> MemoryLimit | None:
    """Return the smaller of the container's limit and the free memory, or None where neither is known.

    The container's limit is cgroup v2 ``memory.max`` or v1 ``memory.limit_in_bytes`` of this process' group and all
    groups above it.
    """
    found = []
    for group in _cgroups(root, membership, ("memory",)):
        for name in ("memory.max", "memory.limit_in_bytes"):
            with contextlib.suppress(OSError, ValueError):
                found.append(MemoryLimit(int((group / name).read_text()), "the container's limit"))
    with contextlib.suppress(OSError):
        for line in meminfo.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                found.append(MemoryLimit(int(line.split()[1]) * 1024, "free memory"))
    return min(found, key=lambda limit: limit.bytes, default=None)


def _cgroups(root: Path, membership: Path, controllers: tuple[str, ...]) -> list[Path]:
    """Return the folders of this process' control group and of every group above it, each of which can limit it.

    Args:
        root: where the control groups are mounted.
        membership: the file that names this process' groups.
        controllers: the names that version 1 may list the wanted controller under; its folder has the first one.
    """
    groups = [root, root / controllers[0]]
    with contextlib.suppress(OSError):
        for line in membership.read_text(encoding="utf-8").splitlines():
            _, listed, path = line.split(":", 2)
            if listed == "" or listed in controllers:
                base = root if listed == "" else root / controllers[0]
                groups += [base / str(parent).lstrip("/") for parent in [Path(path), *Path(path).parents]]
    return list(dict.fromkeys(groups))


def oom_kills(
    root: Path = Path("/sys/fs/cgroup"),
    membership: Path = Path("/proc/self/cgroup"),
    vmstat: Path = Path("/proc/vmstat"),
) -> int:
    """Return how many processes the kernel has killed for want of memory, as far as this process may know.

    Of its container that is cgroup v2 ``memory.events`` or v1 ``memory.oom_control``; of the machine, ``vmstat``.
    """
    groups = _cgroups(root, membership, ("memory",))
    files = [group / name for group in groups for name in ("memory.events", "memory.oom_control")]
    total = 0
    for file in (*files, vmstat):
        with contextlib.suppress(OSError, ValueError):
            counts = dict(line.split()[:2] for line in file.read_text().splitlines() if len(line.split()) > 1)
            total += int(counts.get("oom_kill", 0))
    return total


def peak_rss_bytes() -> int:
    """Return the peak resident memory of this process since it was executed or forked.

    ``VmHWM`` of ``/proc/self/status``: ``getrusage`` would report the peak of the process that executed this one.
    """
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _cpu() -> tuple[str, list[str], str]:
    """Return the CPU's name, those of its instruction sets in `_ISA_FLAGS`, and its family, model and stepping."""
    fields: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            fields.setdefault(name.strip(), value.strip())
            if not line.strip():
                break
    flags = set(fields.get("flags", fields.get("Features", "")).split())
    name = fields.get("model name") or platform.processor() or platform.machine()
    generation = "/".join(fields.get(key, "?") for key in ("cpu family", "model", "stepping"))
    return name, [flag for flag in _ISA_FLAGS if flag in flags], generation


_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def llc_bytes(caches: Path = _CACHES) -> int:
    """Return the size of the last-level cache that the first core sees, 0 where unknown."""
    return _last_level(caches)[1]


def _last_level(caches: Path) -> tuple[int, int, int]:
    """Return the level and the bytes of the last cache, and the number of cores that share it; zeros if unknown."""
    best = (0, 0, 0)
    for index in caches.glob("index*"):
        with contextlib.suppress(OSError, ValueError):
            size = (index / "size").read_text().strip()
            factor = {"K": 1 << 10, "M": 1 << 20}.get(size[-1:], 1)
            cores = (
                len(_numbers((index / "shared_cpu_list").read_text())) if (index / "shared_cpu_list").exists() else 0
            )
            best = max(best, (int((index / "level").read_text()), int(size.rstrip("KM")) * factor, cores))
    return best


def _numbers(text: str) -> set[int]:
    """Return the numbers of a list as the kernel writes it.

    >>> sorted(_numbers("0-2,8\\n"))
    [0, 1, 2, 8]
    """
    found: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


@dataclass(frozen=True)
class CacheShare:
    """How much of the last-level cache this process may count on.

    Attributes:
        llc_bytes: the cache's size; 0 if unknown.
        share_bytes: this process' part of it, if the cores that share it get equal parts.
        reasons: why that is less, or may be: a clause each.
    """

    llc_bytes: int
    share_bytes: int
    reasons: tuple[str, ...] = ()


def cache_share(
    caches: Path = _CACHES,
    resctrl: Path = Path("/sys/fs/resctrl"),
    cpuinfo: Path = Path("/proc/cpuinfo"),
    cores: int | None = None,
) -> CacheShare:
    """Return this process' share of the last-level cache, by its cores and the kernel's cache allocation (resctrl).

    Args:
        caches: the kernel's folder of a core's caches.
        resctrl: where resctrl is mounted.
        cpuinfo: the kernel's file about cores.
        cores: number of cores that this process may use; by default what is so.
    """
    level, size, sharing = _last_level(caches)
    cores, share, reasons = cores or allowed_cores(), 1.0, []
    if sharing > cores:
        share *= cores / sharing
        reasons.append(f"{sharing} cores share it, and this process may use {cores}")
    ways = _allocated_ways(resctrl, level)
    if ways < 1:
        share *= ways
        reasons.append(f"the kernel gives this process {ways:.0%} of its ways (resctrl)")
    with contextlib.suppress(OSError):
        if " hypervisor" in cpuinfo.read_text(encoding="utf-8", errors="replace"):
            reasons.append("this is a virtual machine, whose neighbours may use it too")
    return CacheShare(size, int(size * share), tuple(reasons))


def _allocated_ways(root: Path, level: int) -> float:
    """Return the fraction of the cache's ways that resctrl gives this process; 1 where it says nothing."""
    group, own = root, str(os.getpid())
    for tasks in root.glob("*/tasks"):
        with contextlib.suppress(OSError):
            if own in tasks.read_text().split():
                group = tasks.parent
    with contextlib.suppress(OSError, ValueError):
        whole = int((root / "info" / f"L{level}" / "cbm_mask").read_text(), 16)
        for line in (group / "schemata").read_text().splitlines():
            name, _, masks = line.strip().partition(":")
            if name == f"L{level}":
                own_mask = int(masks.split(";")[0].partition("=")[2], 16)
                return own_mask.bit_count() / whole.bit_count()
    return 1.0


@functools.cache
def describe_host(packages: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the machine and the versions, as JSON.

    Args:
        packages: distributions whose versions are wanted beside this project's own and what it stands on.
    """
    name, isa, generation = _cpu()
    versions = {"python": platform.python_version()}
    for package in (*packages, "pytest-formfunc", "pytest-benchmark", "numpy"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return {
        "cpu": name,
        "cpu_generation": generation,
        "isa": isa,
        "cores": allowed_cores(),
        "llc_bytes": llc_bytes(),
        "system": platform.system(),
        "machine": platform.machine(),
        "versions": versions,
    }


# Library versions are recorded but are not in it: the gate must compare runs across an upgrade to find what that lost.
_IDENTITY = ("cpu", "cpu_generation", "isa", "cores", "llc_bytes", "system", "machine")


def fingerprint(host: Mapping[str, Any]) -> str:
    """Digest what must be equal before speedups of two runs may be compared."""
    identity = json.dumps({key: host.get(key) for key in _IDENTITY}, sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()[:12]


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return one clause for each part of the identity that differs."""
    return [f"{key} {then.get(key)!r} then, {now.get(key)!r} now" for key in _IDENTITY if then.get(key) != now.get(key)]


def version_changes(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return one clause for each library whose version differs."""
    old, new = then.get("versions", {}), now.get("versions", {})
    return [f"{name} {old.get(name)} -> {new.get(name)}" for name in new if old.get(name) != new.get(name)]
