"""Records of cases that were judged side by side, for tests of what they lost together."""

import math

from pytest_formfunc.records.parts import Counterpart, JudgedLaunches, Verdict
from pytest_formfunc.stats import Estimate, estimate_over_servers
from support.records import record

_SPREAD = (-1.0, 0.5, 1.0, -0.5, 0.25, -0.25, 0.75, -0.75, 0.0, 0.6, -0.6, 0.0)  # of servers; together 0


def noted(logs, servers=None, process="p", accelerated=None, **changes):
    """Return what a record notes of launches with these log changes, each from a server of its own by default."""
    own = tuple(math.exp(log) for log in logs)
    return JudgedLaunches(
        own,
        own if accelerated is None else tuple(math.exp(log) for log in accelerated),
        tuple(range(len(own)) if servers is None else servers),
        process,
        **{"means": "found", **changes},
    )


def compared(
    name, size, loss, *, status="inconclusive", threshold=0.03, scatter=0.004, backend="openvino", turn=0, **changes
):
    """Return the record of a case that lost a fraction of its speedup, on twelve servers that scatter around it.

    Args:
        name: of its form.
        size: its depth.
        loss: the fraction.
        status: its verdict.
        threshold: the loss that counts, as a fraction.
        scatter: of the log change between servers.
        backend: its backend.
        turn: by how many servers its scatter is turned, so that it is not that of another case.
        changes: to what it notes of its launches, or to the record, by the names of either.
    """
    spread = _SPREAD[turn:] + _SPREAD[:turn]
    logs = [math.log1p(-loss) + scatter * one for one in spread]
    names = set(JudgedLaunches.__dataclass_fields__)
    judged = noted(logs, **{key: value for key, value in changes.items() if key in names})
    change = estimate_over_servers(logs, range(len(logs)), None)
    case = f"{name}-d{size}-w8"
    return record(
        0.001,
        backend=backend,
        **{
            "case": case,
            "form": {"kind": "pattern", "name": name, "depth": size, "width": 8},
            "against": Counterpart("main", "0" * 40, Estimate(4.0, 3.9, 4.1), ((1.0,),), ((1.0,),), ((1.0,),), judged),
            "verdict": Verdict(status, threshold, change, f"{case} on {backend} is {status}"),
            **{key: value for key, value in changes.items() if key not in names},
        },
    )
