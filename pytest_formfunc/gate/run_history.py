"""Summarise how speedups changed over saved runs, and how small a loss a comparison with the last one would detect."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from pytest_formfunc.cards import key_of
from pytest_formfunc.gate.baseline import Baseline
from pytest_formfunc.gate.comparable import why_not_timed
from pytest_formfunc.gate.saved_change import measure_change, pair_of
from pytest_formfunc.records import Record
from pytest_formfunc.results import HistoryRow

LEVEL = 0.01  # level of the comparison whose smallest detectable loss is given


def history_of(runs: Sequence[Baseline]) -> Iterator[HistoryRow]:
    """Yield a row for each case and backend that any of the runs timed.

    Args:
        runs: the saved runs, oldest first.
    """
    keys = dict.fromkeys(
        key for run in runs for key, record in run.records.items() if record.ranked_speedup is not None
    )
    for key in keys:
        saved = [run.records[key] for run in runs if key in run.records]
        timed = [record for record in saved if why_not_timed(record) is None]
        if not timed:
            continue
        latest = [record for record in timed if _conditions(record) == _conditions(timed[-1])]
        logs = [math.log(record.ranked_speedup.value) for record in latest if record.ranked_speedup]
        steps = [(after - before) ** 2 / 2 for before, after in pairwise(logs)]
        change = measure_change(pair_of(latest[-1]), [pair_of(latest[-1])], [pair_of(record) for record in latest])
        yield HistoryRow(
            title=timed[-1].title,
            runs=len(latest),
            first=math.exp(logs[0]),
            last=math.exp(logs[-1]),
            step_sd=math.sqrt(sum(steps) / len(steps)) if steps else None,
            smallest_loss=change.smallest_seen(LEVEL),
            machines=len({record.fingerprint for record in timed}),
        )


def _conditions(record: Record) -> tuple[str, str, str, str]:
    """Return what two saved records must have in common to be steps of one history."""
    return record.fingerprint, record.method, str(record.host.get("allocator")), key_of(record.card)
