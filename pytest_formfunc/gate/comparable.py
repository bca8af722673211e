"""Whether a record may be compared with a saved one at all, and whether other work explains a change."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pytest_formfunc.gate.saved_change import Change
from pytest_formfunc.host import differences
from pytest_formfunc.records import Record

# Difference in the time that each of native's threads waits for a core, as a fraction of wall time, from which two
# runs are not alike any more. Quiet runs differ by a hundredth, a neighbour that has one of two cores makes tenths.
MOST_WAITING = 0.05
# How much of a change such a difference may explain: a neighbour that made native's threads wait 20% of the time slowed
# OpenVINO by 1.75, so waiting is taken to explain up to ten times its share (there 3.0).
EXPLAINED_PER_WAITING = 10


def why_not_comparable(now: Record, then: Record) -> str | None:
    """Return one clause that says why two records must not be compared, or None."""
    if now.fingerprint != then.fingerprint:
        changed = "; ".join(differences(then.host, now.host)) or "its fingerprint differs"
        return f"the baseline is from another machine ({changed})"
    for what in ("threads", "input_shape", "seed", "precision", "device", "native_engine"):
        old, new = getattr(then, what), getattr(now, what)
        if old != new:
            return f"{what.replace('_', ' ')} was {old}, is {new}"
    return None


def why_not_timed(then: Record) -> str | None:
    """Return one clause that says why a saved record cannot be compared by its speedup, or None."""
    if then.native_samples is None or then.speedup is None:
        return "the baseline has no speedup for it"
    if then.launches < 2:
        return "the baseline called it only once (a graph-only gate, or --benchmark-disable)"
    return None


def why_contended(now: Record, then: Sequence[Record], change: Change) -> str | None:
    """Return one clause where other work was beside one of the two runs and not beside the other, or None.

    It hits engines differently (one whose threads share a call evenly waits for the slowest), so it is no noise that
    rounds in turn take out. Native tells, which took turns: the accelerated engine's own threads may wait for each
    other, and more so where a change has slowed one of them.
    """
    known = [(one.noise.native_run_delay_fraction, one.threads) for one in then]
    # An early version did not save it.
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
