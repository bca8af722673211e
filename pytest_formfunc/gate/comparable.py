"""Decide whether a record can be compared with a saved one, and whether other work explains a change."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_formfunc.gate.saved_change import Change
from pytest_formfunc.host import differences
from pytest_formfunc.records import Record

# Two runs are unlike if the time that each of native's threads waited for a core, as a fraction of wall time, differs
# by more than this. Quiet runs differ by about 0.01; another process that occupies one of two cores makes tenths.
MOST_WAITING = 0.05
# How large a change such a difference may explain: a process that made native's threads wait 20% of the time slowed
# OpenVINO by a factor of 1.75, so waiting is assumed to explain a factor of up to 1 + 10 times its fraction (here 3).
EXPLAINED_PER_WAITING = 10


def why_not_comparable(now: Record, then: Record) -> str | None:
    """Return a clause that says why two records must not be compared, or None."""
    if now.fingerprint != then.fingerprint:
        changed = "; ".join(differences(then.host, now.host)) or "its fingerprint differs"
        return f"the baseline is from another machine ({changed})"
    for what in ("threads", "input_shape", "seed", "precision", "device", "native_engine"):
        old, new = getattr(then, what), getattr(now, what)
        if old != new:
            return f"{what.replace('_', ' ')} was {old}, is {new}"
    return why_another_card(then.card, now.card)


def why_another_card(then: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """Return a clause that says how two cards differ, or None; nothing is said of a processor."""
    changed = [
        f"{name} {then.get(name, 'unknown')} then, {now.get(name, 'unknown')} now"
        for name in dict.fromkeys([*then, *now])
        if then.get(name) != now.get(name)
    ]
    return f"the baseline is from another card, driver or CUDA ({'; '.join(changed)})" if changed else None


def why_not_timed(then: Record, now: Record | None = None) -> str | None:
    """Return a clause that says why a saved record has no speedup to compare with, or None.

    Args:
        then: the saved record.
        now: the record to compare with it, if there is one; it must have been measured by the same method.
    """
    if then.noise.contended:
        return f"the baseline claims no speedup for it, because {then.noise.cause}"
    if then.native_samples is None or then.ranked_speedup is None:
        return "the baseline has no speedup for it"
    if then.launches < 2:
        return "the baseline called it only once (a graph-only gate, or --benchmark-disable)"
    if now is not None and now.method != then.method:
        return f"the baseline was measured by another method ({then.method}; now {now.method}): save a new one"
    allocators = [one.host.get("allocator") for one in (then, now or then)]
    if allocators[0] != allocators[1]:
        return f"the baseline was measured with another allocator ({allocators[0]}; now {allocators[1]})"
    if now is not None and now.ranked_speedup is None and not now.noise.contended:
        return "this run has no speedup for it: with memory kept it failed"
    return None


def why_contended(now: Record, then: Sequence[Record], change: Change) -> str | None:
    """Return a clause if other work on the machine may explain the change, or None.

    It may if other processes disturbed this run and the saved ones to different degrees. They slow engines down by
    different factors (an engine that divides a call evenly among its threads waits for the slowest of them), so
    interleaving the rounds does not cancel their effect. Only native's waiting is used, because the accelerated
    engine's threads may also wait for each other, and for longer after a change that slowed one of them down.

    Args:
        now: the record of this run.
        then: the saved records that it is compared with.
        change: the change between them.
    """
    known = [(one.noise.native_run_delay_fraction, one.threads) for one in then]
    # An early version did not save this figure.
    saved = [delay / threads for delay, threads in known if delay is not None]
    waiting = now.noise.native_run_delay_fraction
    if waiting is None or not saved:
        return None
    before, waited = sum(saved) / len(saved), waiting / now.threads
    difference = abs(waited - before)
    if difference <= MOST_WAITING or abs(change.log) > math.log1p(EXPLAINED_PER_WAITING * difference):
        return None
    return (
        f"native's threads each waited for a core {waited:.0%} of the time and {before:.0%} then, "
        "so other work on the machine may explain it: measure again, or side by side"
    )
