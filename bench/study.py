"""What the study of forms claims, beside what this run found.

M. S. Abbasi, M. J. Shafiee, E. Chan, A. Wong: Does Form Follow Function? An Empirical Exploration of the Impact of Deep
Neural Network Architecture Design on Hardware-Specific Acceleration, arXiv:2107.04144, 2021. A speedup of 380% may mean
3.8x or 4.8x there, so both readings stand here. Its machine, depths and input sizes are not known.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence

from pytest_formfunc.records import Record
from pytest_formfunc.stats import Estimate
from pytest_formfunc.stats.mean import geometric_mean
from pytest_formfunc.stats.trend import FEWEST, find_trend
from pytest_formfunc.units import format_estimate, format_ms, format_ratio

_TITLE = "the study (arXiv 2107.04144) and this run"
_PER = {
    "operators": "operators",
    "products": "convolutions and matrix products",
}


def claims(records: Sequence[Record], columns: int = 100) -> Iterator[str]:
    """Compare each backend's records with the study's claims, in lines of at most so many columns."""
    for backend in dict.fromkeys(record.backend for record in records if not record.native):
        rows = [
            (record, record.speedup)
            for record in records
            if record.backend == backend and record.speedup is not None and math.isfinite(record.speedup.high)
        ]
        lines = [*study_lines(rows)]
        if lines:
            yield f"{backend}: {lines[0]}"
        for line in lines[1:]:
            yield from textwrap.wrap(line, columns, initial_indent="  ", subsequent_indent="    ")


def study_lines(rows: Sequence[tuple[Record, Estimate]]) -> Iterator[str]:
    """Compare one backend's speedups with the study's; says nothing where too few forms were measured to compare.

    Args:
        rows: records with their speedups, intervals closed.
    """
    patterns = [row for row in rows if row[0].form["kind"] == "pattern"]
    networks = [row for row in rows if row[0].form["kind"] == "architecture"]
    lines = [*_patterns(patterns), *_networks(networks)]
    if lines:
        yield f"{_TITLE}:"
        yield from lines


def _patterns(rows: Sequence[tuple[Record, Estimate]]) -> Iterator[str]:
    names = {record.form["name"] for record, _ in rows}
    if len(names) < FEWEST:
        return
    mean = geometric_mean([speedup for _, speedup in rows])
    yield f"average of patterns: 3.8x or 4.8x there, {format_estimate(mean)} here ({len(names)} patterns)"
    ours = [speedup for record, speedup in rows if record.form["name"] == "depthwise_bottleneck"]
    if ours:
        mean = geometric_mean(ours)
        above = sum(_mean_of(rows, name) > mean.value for name in names)
        yield (
            f"depthwise bottleneck, the most: 5.5x or 6.5x there, {format_estimate(mean)} here "
            f"(number {above + 1} of {len(names)})"
        )


def _mean_of(rows: Sequence[tuple[Record, Estimate]], name: str) -> float:
    return geometric_mean([speedup for record, speedup in rows if record.form["name"] == name]).value


def _networks(rows: Sequence[tuple[Record, Estimate]]) -> Iterator[str]:
    if len(rows) < FEWEST:
        return
    by_speedup = sorted(rows, key=lambda row: -row[1].value)
    most, its_speedup = by_speedup[0]
    for place, (record, speedup) in enumerate(by_speedup, 1):
        if record.form["name"] == "darts":
            yield (
                f"DARTS, the most: 12x or 13x there, {format_estimate(speedup)} here (number {place} of {len(rows)}; "
                f"most: {most.form['name']} {format_ratio(its_speedup.value)})"
            )
    by_latency = sorted((record for record, _ in rows), key=lambda record: record.latency_s.median)
    for place, record in enumerate(by_latency, 1):
        if record.form["name"] == "mobilenet_v2":
            yield (
                f"MobileNet-V2, the least latency: about 2.4 ms there, {format_ms(record.latency_s.median)} ms here "
                f"(number {place} of {len(rows)}; least: {by_latency[0].form['name']} "
                f"{format_ms(by_latency[0].latency_s.median)} ms)"
            )
    for key, words in _PER.items():
        known = [(record, speedup) for record, speedup in rows if record.cost.get(key) and record.cost["macs"]]
        if len(known) < FEWEST:
            continue
        per_gmac = [record.cost[key] / (record.cost["macs"] / 1e9) for record, _ in known]
        found = find_trend(per_gmac, [speedup.value for _, speedup in known])
        yield (
            f"speedup by {words} per GMAC, {len(known)} networks: {found.answer}; "
            f"exponent {_interval(found.exponent)}, rank correlation {_interval(found.correlation)}"
        )


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"
