"""Latency with caches that hold other data, beside a sham that pauses as long and touches nothing, and warm calls.

The idea is benchdnn's ``--cold-cache`` (oneDNN, doc/benchdnn), which rotates copies of buffers; the sham is ours. What
a call takes after a pause differs from a warm one by sleeping threads and by the clock's frequency as well, so cold
calls are compared with sham ones and never with warm ones.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from pytest_formfunc.errors import MeasurementError
from pytest_formfunc.function.efficacy import by_time
from pytest_formfunc.measure.instruments.base import (
    Instrument,
    Launches,
    Seen,
    Subject,
    Timer,
    as_json,
    mean_of,
    ratio_of,
)
from pytest_formfunc.stats import Estimate, median, quantile

TIMES_LLC = 3  # bytes that are written to replace what the caches hold
WITHOUT_LLC_BYTES = 192 << 20  # where its size is unknown: as much as for a cache of 64 MiB
SECONDS = 0.3  # of a launch
FEWEST_ROUNDS, MOST_ROUNDS = 2, 40
MOST_COPIES = 12
COPIES_LLC = 1.5  # bytes of all copies of the weights, of the cache's
MOST_COPIES_S = 1.5  # that the calls of all copies may take, with those that warm them up
MOST_SHARE = 0.25  # of the free memory that may be used

_WARM_UP_CALLS = 6  # about, of each copy

WARM, SHAM, ALL, WEIGHTS = "warm", "sham", "all", "wei"


class ColdCache(Instrument):
    """Three arms in turn: warm, sham, and all caches replaced; and where there is room, rotating copies of weights."""

    def observe(self, subject: Subject) -> Seen:
        """Return seconds of a call, by arm, one for each round."""
        import numpy as np

        size = TIMES_LLC * subject.llc_bytes or WITHOUT_LLC_BYTES
        if subject.free_bytes is not None and size > MOST_SHARE * subject.free_bytes:
            raise MeasurementError(
                f"replacing what the caches hold needs {size >> 20} MB, which is more than a quarter of the free memory"
            )
        other = np.zeros(size // 8)

        def replace() -> int:
            started = time.perf_counter_ns()
            np.add(other, 1.0, out=other)
            return time.perf_counter_ns() - started

        replace()  # which makes its pages
        pause_ns = int(median([replace() for _ in range(3)]))
        copies, why_not = _copies(subject)
        others = itertools.cycle(copies)

        def in_turn() -> int:
            """Call all copies but the last one, and time that."""
            for _ in copies[1:]:
                next(others)()
            return next(others)()

        def after(pause: Timer | None, before: Timer | None = None) -> int:
            """Call once, pause, and time the next call."""
            if before is not None:
                before()
            subject.timer()
            if pause is not None:
                pause()
            return subject.timer()

        def spin() -> int:
            return _spin(pause_ns)

        calls = {
            WARM: lambda: after(None, spin),
            SHAM: lambda: after(spin),
            ALL: lambda: after(replace),
            WEIGHTS: in_turn,
        }
        arms = [WARM, SHAM, ALL, *([WEIGHTS] if copies else [])]
        seconds: dict[str, list[float]] = {arm: [] for arm in arms}
        end = time.perf_counter() + SECONDS
        for index in range(MOST_ROUNDS):
            if index >= FEWEST_ROUNDS and time.perf_counter() > end:
                break
            for place in range(len(arms)):
                arm = arms[(place + index) % len(arms)]
                seconds[arm].append(calls[arm]() / 1e9 / subject.batches)
        return {"seconds": seconds, "bytes": size, "copies": len(copies), "why_no_copies": why_not,
                "llc_bytes": subject.llc_bytes}  # fmt: skip

    def sum_up(self, launches: Launches) -> dict[str, Any]:
        """Return the medians, each arm over the sham, and what cold caches change of the speedup."""
        first = next((one for one in launches.own if not one["copies"]), launches.own[0])
        found: dict[str, Any] = {
            "source": "calls after other data was written through the caches, against a pause of the same length",
            "llc_bytes": first["llc_bytes"],
            "written_bytes": first["bytes"],
            "median_s": {
                arm: quantile([one for launch in launches.own for one in launch["seconds"][arm]], 0.5)
                for arm in first["seconds"]
            },
            "cold_over_sham": _ratio(launches.own, ALL, SHAM),
            "sham_over_warm": _ratio(launches.own, SHAM, WARM),
        }
        if first["copies"]:
            found["copies"] = first["copies"]
            found["weights_cold_over_sham"] = _ratio(launches.own, WEIGHTS, SHAM)
        else:
            found["why_no_copies"] = first["why_no_copies"]
        cold_bytes = launches.known.get("reuse", {}).get("cold_bytes")
        bandwidth = launches.known.get("roof", {}).get("bandwidth")
        if cold_bytes and bandwidth and len(launches.own) > 1:
            found["efficacy"] = as_json(_efficacy(launches.own, cold_bytes, bandwidth))
        if launches.native and not launches.is_native:
            native, own = (_levels(some, ALL, SHAM) for some in (launches.native, launches.own))
            found["speedup_cold_over_sham"] = as_json(ratio_of([a - b for a, b in zip(native, own, strict=False)]))
        return found


def _copies(subject: Subject) -> tuple[list[Timer], str]:
    """Return timers of copies whose weights together do not fit into the cache; or none, and why."""
    weights = subject.cost["weight_bytes"]
    if not subject.llc_bytes:
        return [], "the size of the last-level cache is unknown"
    if not weights:
        return [], "it has no weights"
    count = max(2, -(-int(COPIES_LLC * subject.llc_bytes) // weights))
    if count > MOST_COPIES:
        return [], f"its weights are so small ({weights / 1e6:.2g} MB) that {count} copies would be needed"
    seconds = count * (FEWEST_ROUNDS + _WARM_UP_CALLS) * subject.timer() / 1e9
    if seconds > MOST_COPIES_S:
        return [], f"calling {count} copies often enough would take {seconds:.2g} s"
    needed = count * (weights + subject.cost["activation_bytes"])
    if subject.free_bytes is not None and needed > MOST_SHARE * subject.free_bytes:
        return [], f"{count} copies would need {needed >> 20} MB, which is more than a quarter of the free memory"
    return [subject.timer, *(subject.load_again() for _ in range(count - 1))], ""


def _spin(ns: int) -> int:
    """Keep the core busy for some nanoseconds."""
    started = time.perf_counter_ns()
    while (now := time.perf_counter_ns()) < started + ns:
        pass
    return now - started


def _levels(launches: Sequence[Seen], over: str, under: str) -> list[float]:
    """Return the mean log of one arm over another, of each launch."""
    return [
        fmean(math.log(one / other) for one, other in zip(seen["seconds"][over], seen["seconds"][under], strict=True))
        for seen in launches
    ]


def _efficacy(launches: Sequence[Seen], cold_bytes: int, bandwidth: Mapping[str, Any]) -> Estimate:
    """Return what cold calls take longer than sham ones, as a share of what they fetch at the memory's bandwidth."""
    speed, slowest = bandwidth["value"], bandwidth["low"]
    medians = [{arm: quantile(seen["seconds"][arm], 0.5) for arm in (ALL, SHAM)} for seen in launches]
    values = [by_time(one[ALL], one[SHAM], speed, cold_bytes) for one in medians]
    return mean_of(values, relative_error=1 - slowest / speed)


def _ratio(launches: Sequence[Seen], over: str, under: str) -> dict[str, Any]:
    return as_json(ratio_of(_levels(launches, over, under)))
