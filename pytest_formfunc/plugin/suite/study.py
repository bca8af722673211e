"""What the study of forms claims, beside what this run found; and how much of a speedup is memory management.

M. S. Abbasi, M. J. Shafiee, E. Chan, A. Wong: Does Form Follow Function? An Empirical Exploration of the Impact of Deep
Neural Network Architecture Design on Hardware-Specific Acceleration, arXiv:2107.04144, 2021. A speedup of 380% may mean
3.8x or 4.8x there, so both readings stand here. Its machine, depths and input sizes are not known. Its processes
managed memory as by default, so that its claims stand beside speedups by default; those with memory kept are given too.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

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
# The two speedups of a record: their names here, and the record's fields.
BY_DEFAULT, KEPT = "by default", "with memory kept"
_FIELDS = {BY_DEFAULT: "speedup", KEPT: "speedup_memory_kept"}

Row = tuple[Record, Estimate]


def claims(records: Sequence[Record], columns: int = 100) -> Iterator[str]:
    """Compare each backend's records with the study's claims, then divide each pattern's speedup into its two factors.

    Args:
        records: of a run.
        columns: most columns of a line.
    """
    for backend in dict.fromkeys(record.backend for record in records if not record.native):
        own = [record for record in records if record.backend == backend]
        for lines in ([*study_lines(own)], [*factor_lines(own)]):
            if lines:
                yield f"{backend}: {lines[0]}"
            for line in lines[1:]:
                yield from textwrap.wrap(line, columns, initial_indent="  ", subsequent_indent="    ")


def rows_of(records: Sequence[Record], which: str) -> list[Row]:
    """Return the records that have one of the two speedups with a closed interval, and that speedup."""
    found = [(record, getattr(record, _FIELDS[which])) for record in records]
    return [(record, speedup) for record, speedup in found if speedup is not None and math.isfinite(speedup.high)]


def study_lines(records: Sequence[Record]) -> Iterator[str]:
    """Compare one backend's speedups with the study's; says nothing where too few forms were measured to compare."""
    lines: list[str] = []
    for kind, compare in (("pattern", _patterns), ("architecture", _networks)):
        of_kind = [record for record in records if record.form["kind"] == kind]
        if len({record.form["name"] for record, _ in rows_of(of_kind, BY_DEFAULT)}) >= FEWEST:
            lines += compare(of_kind)
    if lines:
        yield f"{_TITLE}:"
        yield from lines


def _patterns(records: Sequence[Record]) -> Iterator[str]:
    averages, most = [], []
    for which in _FIELDS:
        rows = rows_of(records, which)
        if not rows:
            continue
        names = {record.form["name"] for record, _ in rows}
        averages.append(f"{_said(geometric_mean([speedup for _, speedup in rows]), which)} {which}")
        if "depthwise_bottleneck" in names:
            mean = _mean_of(rows, "depthwise_bottleneck")
            above = sum(_mean_of(rows, name).value > mean.value for name in names)
            most.append(f"{_said(mean, which)} {which} (number {above + 1} of {len(names)})")
    yield f"average of patterns: 3.8x or 4.8x there; here {', '.join(averages)}"
    if most:
        yield f"depthwise bottleneck, the most: 5.5x or 6.5x there; here {', '.join(most)}"


def _said(speedup: Estimate, which: str) -> str:
    """Return a speedup as text: by default without an interval, because servers, which all cases share, differ."""
    return format_estimate(speedup) if which == KEPT else format_ratio(speedup.value)


def _mean_of(rows: Sequence[Row], name: str) -> Estimate:
    return geometric_mean([speedup for record, speedup in rows if record.form["name"] == name])


def _networks(records: Sequence[Record]) -> Iterator[str]:
    found = []
    for which in _FIELDS:
        by_speedup = sorted(rows_of(records, which), key=lambda row: -row[1].value)
        for place, (record, speedup) in enumerate(by_speedup, 1):
            if record.form["name"] == "darts":
                most, its_speedup = by_speedup[0]
                found.append(
                    f"{_said(speedup, which)} {which} (number {place} of {len(by_speedup)}; "
                    f"most: {most.form['name']} {format_ratio(its_speedup.value)})"
                )
    if found:
        yield f"DARTS, the most: 12x or 13x there; here {', '.join(found)}"
    timed = [record for record, _ in rows_of(records, BY_DEFAULT)]
    by_latency = sorted(timed, key=lambda record: record.latency_s.median)
    for place, record in enumerate(by_latency, 1):
        if record.form["name"] == "mobilenet_v2":
            yield (
                f"MobileNet-V2, the least latency: about 2.4 ms there, {format_ms(record.latency_s.median)} ms here "
                f"(number {place} of {len(by_latency)}; least: {by_latency[0].form['name']} "
                f"{format_ms(by_latency[0].latency_s.median)} ms)"
            )
    for key, words in _PER.items():
        for which in _FIELDS:
            rows = [row for row in rows_of(records, which) if row[0].cost.get(key) and row[0].cost["macs"]]
            if len(rows) < FEWEST:
                continue
            per_gmac = [record.cost[key] / (record.cost["macs"] / 1e9) for record, _ in rows]
            trend = find_trend(per_gmac, [speedup.value for _, speedup in rows])
            yield (
                f"speedup {which} by {words} per GMAC, {len(rows)} networks: {trend.answer}; "
                f"exponent {trend.exponent.plain}, rank correlation {trend.correlation.plain}"
            )


@dataclass(frozen=True)
class Factors:
    """What a form's speedup by default is made of: geometric means over its cases.

    Attributes:
        name: the form's name.
        kept: the speedup with memory kept: what the form gains.
        memory: the speedup by default / the speedup with memory kept: what memory management adds.
        by_default: their product: what a process gets in the mean.
    """

    name: str
    kept: Estimate
    memory: float
    by_default: Estimate


def factors_of(records: Sequence[Record], kind: str) -> list[Factors]:
    """Return both factors of each form of a kind that has both speedups, the greatest gain with memory kept first."""
    kept = {record.case: speedup for record, speedup in rows_of(records, KEPT) if record.form["kind"] == kind}
    groups: dict[str, list[tuple[Estimate, Estimate]]] = {}
    for record, by_default in rows_of(records, BY_DEFAULT):
        if record.case in kept:
            groups.setdefault(str(record.form["name"]), []).append((kept[record.case], by_default))
    found = []
    for name, pairs in groups.items():
        own, by_default = (geometric_mean(group) for group in zip(*pairs, strict=True))
        found.append(Factors(name, own, by_default.value / own.value, by_default))
    return sorted(found, key=lambda one: -one.kept.value)


def memory_share(factors: Sequence[Factors]) -> float:
    """Return how much of the mean speedup by default is memory management, as a fraction of its logarithm."""
    return fmean(math.log(one.memory) for one in factors) / fmean(math.log(one.by_default.value) for one in factors)


def factor_lines(records: Sequence[Record]) -> Iterator[str]:
    """Render the table of both factors by pattern, and how much of the mean is memory; nothing for a single form."""
    for kind, words in (("pattern", "patterns"), ("architecture", "networks")):
        factors = factors_of(records, kind)
        if len(factors) < 2:
            continue
        yield f"what a speedup by default is made of, geometric means over the cases of {len(factors)} {words}:"
        if kind == "pattern":
            yield f"{'pattern':30} {'memory kept':>21} {'x memory':>8} {'= by default':>12}"
            for one in factors:
                yield (
                    f"{one.name:30} {format_estimate(one.kept):>21} {format_ratio(one.memory):>8} "
                    f"{format_ratio(one.by_default.value):>12}"
                )
        mean_kept, mean_default = (
            geometric_mean([getattr(one, field) for one in factors]) for field in ("kept", "by_default")
        )
        text = (
            f"mean: {format_estimate(mean_kept)} with memory kept, {format_ratio(mean_default.value)} by default: "
            f"memory management is {format_ratio(mean_default.value / mean_kept.value)} of it"
        )
        share = f", {memory_share(factors):.0%} of the mean in logs" if mean_default.value > 1 else ""
        yield text + share
