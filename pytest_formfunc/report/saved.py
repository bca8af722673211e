"""Saved runs as text: one run, two compared, many in a row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from pytest_formfunc.gate.baseline import Baseline
from pytest_formfunc.gate.comparable import why_not_timed
from pytest_formfunc.gate.saved_change import measure_change, pair_of
from pytest_formfunc.records import Key, Record, Verdict
from pytest_formfunc.stats import Estimate, median_round
from pytest_formfunc.stats.mean import geometric_mean
from pytest_formfunc.units import format_claim, format_estimate, format_ms, format_ratio

_LEVEL = 0.01


def render_saved(run: Baseline) -> Iterator[str]:
    """Render the speedups of one run, the greatest first."""
    rows = sorted(_accelerated(run), key=lambda row: -row[1].value)
    yield f"{run.name}"
    for record, speedup in rows:
        native, accelerated = pair_of(record)
        yield (
            f"{record.title:52} {format_ms(median_round(native.median)):>9} ms "
            f"{format_ms(median_round(accelerated.median)):>9} ms  {format_claim(speedup)}"
        )
    known = [speedup for _, speedup in rows if math.isfinite(speedup.high)]  # not what was called only once
    if known:
        yield f"geometric mean {format_estimate(geometric_mean(known))}"


def render_verdicts(verdicts: Mapping[Key, Verdict], missing: Sequence[Key]) -> Iterator[str]:
    """Render every verdict with its sentence, and how many there are of each."""
    statuses = [verdict.status for verdict in verdicts.values()]
    for verdict in verdicts.values():
        yield f"{verdict.status}: {verdict.reason}"
    for case, backend in missing:
        yield f"missing: {case} on {backend}"
    counts = [f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses)]
    yield f"verdicts: {', '.join([*counts, *([f'{len(missing)} missing'] if missing else [])]) or 'none'}"


def render_history(runs: Sequence[Baseline]) -> Iterator[str]:
    """Render how each case moved over the runs, and the smallest loss that a comparison with the last would show."""
    yield f"{'case':52} {'runs':>4}  {'first':>7} {'last':>7}  {'sd of steps':>11}  smallest loss seen (1%)"
    keys = dict.fromkeys(key for run in runs for key, record in run.records.items() if record.speedup is not None)
    for case, backend in keys:
        series = [run.records[case, backend] for run in runs if (case, backend) in run.records]
        series = [record for record in series if why_not_timed(record) is None]
        if not series:
            continue
        machines = {record.fingerprint for record in series}
        latest = [record for record in series if record.fingerprint == series[-1].fingerprint]
        logs = [math.log(record.speedup.value) for record in latest if record.speedup]
        steps = [(after - before) ** 2 / 2 for before, after in pairwise(logs)]
        spread = f"{math.sqrt(sum(steps) / len(steps)):.3f}" if steps else "-"
        change = measure_change(pair_of(latest[-1]), [pair_of(latest[-1])], [pair_of(record) for record in latest])
        others = f"  ({len(machines)} machines: the last one's)" if len(machines) > 1 else ""
        yield (
            f"{case + ' on ' + backend:52} {len(latest):>4}  {format_ratio(math.exp(logs[0])):>7} "
            f"{format_ratio(math.exp(logs[-1])):>7}  {spread:>11}  {change.smallest_seen(_LEVEL):.0%}{others}"
        )


def _accelerated(run: Baseline) -> list[tuple[Record, Estimate]]:
    return [(record, record.speedup) for record in run.records.values() if record.speedup is not None]
