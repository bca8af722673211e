"""Summarise how speedups changed over saved runs, and how small a loss a comparison with the last one would detect."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from pytest_formfunc.gate.baseline import Baseline
from pytest_formfunc.gate.comparable import why_not_timed
from pytest_formfunc.gate.saved_change import measure_change, pair_of
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
        latest = [
            record
            for record in timed
            if (record.fingerprint, record.method) == (timed[-1].fingerprint, timed[-1].method)
        ]
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
