"""Counters of the processor and the kernel while a participant is called: for each call and for each second."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_formfunc.function.efficacy import by_counters
from pytest_formfunc.measure.instruments.base import Instrument, Launches, Seen, Subject, as_json, ratio_of
from pytest_formfunc.measure.instruments.perf_stat import NOT_SHOWN, Counted, has_hardware_counters, perf_stat

# Each group is counted in calls of its own, so that it fits the counters of a core: nothing is scaled up.
GROUPS = (
    ("task-clock", "page-faults", "context-switches", "cpu-migrations"),
    ("instructions:u", "cycles:u", "branches:u", "branch-misses:u"),
    ("LLC-loads:u", "LLC-load-misses:u"),
    ("L1-dcache-loads:u", "L1-dcache-load-misses:u"),
    ("cache-references:u", "cache-misses:u"),
)
SECONDS = 0.15  # of each group
FEWEST_CALLS = 1
LEAST_SHARE = 0.99  # of the time, that an event has to be counted
BLURRED = "other programs took its counter for a part of the time"
_MISSES = "LLC-load-misses"
# Of two events of one group: what is counted, of what.
RATIOS = {
    "ipc": ("instructions", "cycles"),
    "mispredicted": ("branch-misses", "branches"),
    "llc_missed": ("LLC-load-misses", "LLC-loads"),
    "l1_missed": ("L1-dcache-load-misses", "L1-dcache-loads"),
    "cache_missed": ("cache-misses", "cache-references"),
}


class Counters(Instrument):
    """Events by ``perf stat``, a group at a time."""

    def observe(self, subject: Subject) -> Seen:
        """Return the calls, the seconds and the events of each group."""
        groups = []
        for index, events in enumerate(GROUPS):
            if subject.earlier is not None and not _counted(subject.earlier["groups"][index]):
                groups.append(subject.earlier["groups"][index])  # it cannot be counted here
                continue
            if index > 0 and not has_hardware_counters():
                groups.append(_none_of(events))
                continue
            calls, spent_ns = 0, 0
            with perf_stat(events) as counted:
                end = time.perf_counter() + SECONDS
                while calls < FEWEST_CALLS or time.perf_counter() < end:
                    spent_ns += subject.timer()
                    calls += 1
            groups.append(group_of(counted, calls * subject.batches, spent_ns / 1e9))
        return {"groups": groups}

    def sum_up(self, launches: Launches) -> dict[str, Any]:
        """Return each event for a call and for a second, and ratios of those that were counted together."""
        found: dict[str, Any] = {
            "source": "perf stat, of the process while it is called; events of one group are counted together",
            "per_call": {},
            "per_second": {},
            "ratios": {},
            "not_counted": {},
        }
        for index in range(len(GROUPS)):
            groups = [seen["groups"][index] for seen in launches.own]
            for group in groups:
                found["not_counted"] |= group["why_not"]
            values = {
                name: [group["events"].get(name) for group in groups]
                for name in groups[0]["events"]
                if name not in found["not_counted"]
            }
            for name, counts in values.items():
                if any(count is None for count in counts):
                    continue
                found["per_call"][name] = _rate(
                    [count / group["calls"] for count, group in zip(counts, groups, strict=True)]
                )
                found["per_second"][name] = _rate(
                    [count / group["seconds"] for count, group in zip(counts, groups, strict=True)]
                )
            for name, (over, under) in RATIOS.items():
                if over in values and under in values and all(values[under]):
                    found["ratios"][name] = _rate(
                        [one / other for one, other in zip(values[over], values[under], strict=True)]
                    )
        cold_bytes = launches.known.get("reuse", {}).get("cold_bytes")
        misses = found["per_call"].get(_MISSES)
        if cold_bytes and misses and misses["high"] is not None:
            found["efficacy"] = {
                **misses,
                "value": by_counters(misses["value"], cold_bytes),
                "low": by_counters(misses["high"], cold_bytes),
                "high": by_counters(misses["low"], cold_bytes),
            }
        return found


def group_of(counted: Mapping[str, Counted], calls: int, seconds: float) -> Seen:
    """Return a group as JSON; an event that perf had to scale up, because others took its counter, is not counted."""
    why_not = {name: one.why_not for name, one in counted.items() if one.why_not}
    why_not |= {name: BLURRED for name, one in counted.items() if name not in why_not and one.share < LEAST_SHARE}
    events = {name: None if name in why_not else one.value for name, one in counted.items()}
    return {"calls": calls, "seconds": seconds, "events": events, "why_not": why_not}


def _none_of(events: Sequence[str]) -> Seen:
    """Return a group of hardware events that this machine has no counters for."""
    names = [event.partition(":")[0] for event in events]
    return {
        "calls": 0, "seconds": 0.0, "events": dict.fromkeys(names), "why_not": dict.fromkeys(names, NOT_SHOWN),
    }  # fmt: skip


def _counted(group: Seen) -> bool:
    return any(value is not None for value in group["events"].values())


def _rate(values: list[float]) -> dict[str, Any]:
    """Return the mean with its interval; without one where an event did not happen in every launch."""
    if min(values) <= 0:
        return {"value": sum(values) / len(values), "low": min(values), "high": max(values), "n": len(values)}
    return as_json(ratio_of([math.log(value) for value in values]))
