"""A study of depth and width as text: a row for each point, how quantities go together, and what follows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pytest_formfunc.function import scaling
from pytest_formfunc.function.scaling import (
    ALL,
    Association,
    Exponents,
    Point,
    Scaling,
    conclude,
    slope_in_depth,
    study,
)
from pytest_formfunc.records import Record
from pytest_formfunc.report.figures import NONE
from pytest_formfunc.stats import Estimate, quantile
from pytest_formfunc.units import format_bytes, format_estimate, format_ms, format_ratio

_SHORT = {
    scaling.FLOPS: "FLOPs", scaling.NATIVE: "native", scaling.ACCELERATED: "accelerated", scaling.SPEEDUP: "speedup",
}  # fmt: skip


def points_of(records: Iterable[Record], backend: str, *, disturbed: bool = False) -> list[Point]:
    """Return the points of one backend's study: patterns of which a speedup is claimed.

    Args:
        records: of a run; those of ``backend`` and of native are looked at.
        backend: name of the accelerated backend.
        disturbed: whether to take contended rows as well, by their fastest rounds.
    """
    records = list(records)
    natives = {record.case: record for record in records if record.native}
    found = []
    for record in records:
        native = natives.get(record.case)
        if record.backend != backend or record.form["kind"] != "pattern" or native is None or not record.cost["macs"]:
            continue
        taken = figures_of(record, disturbed=disturbed)
        if taken is None:
            continue
        values = {scaling.FLOPS: 2.0 * record.cost["macs"], **taken}
        wanted = {
            scaling.EFFICACY: seen(native, "reuse", "efficacy"),
            scaling.OWN_EFFICACY: seen(record, "reuse", "efficacy"),
            scaling.EFFICACY_BY_TIME: seen(native, "cache", "efficacy"),
            scaling.OWN_EFFICACY_BY_TIME: seen(record, "cache", "efficacy"),
            scaling.INTENSITY: intensity_of(record.cost["macs"], native),
        }
        values |= {name: value for name, value in wanted.items() if value is not None}
        form = str(record.form["name"]), int(record.form["depth"]), int(record.form["width"])
        found.append(Point(*form, values, disturbed=record.ranked_speedup is None))
    return found


def figures_of(record: Record, *, disturbed: bool) -> dict[str, float] | None:
    """Return latencies and the speedup where they are claimed, or else, if ``disturbed``, by the fastest rounds."""
    return _claimed(record) or (_by_fastest_rounds(record) if disturbed else None)


def _claimed(record: Record) -> dict[str, float] | None:
    """Return both latencies and the speedup where they are claimed."""
    if record.typical_s is None or record.ranked_speedup is None or record.native_typical_s is None:
        return None
    return {
        scaling.NATIVE: record.native_typical_s,
        scaling.ACCELERATED: record.typical_s.value,
        scaling.SPEEDUP: record.ranked_speedup.value,
    }


def _by_fastest_rounds(record: Record) -> dict[str, float] | None:
    """Return latencies and speedup of a contended row: the lower quartile of the rounds, the median of their ratios.

    A neighbour on the machine makes calls longer, by a third or by half; latencies of a study differ by a factor of a
    thousand. So they show how latency grows, though no speedup is claimed of any of them.
    """
    sides = record.native_kept_samples or record.native_samples, record.kept_samples or record.samples
    native, own = ([] if side is None else [one for launch in side.low for one in launch] for side in sides)
    ratios = [one / other for one, other in zip(native, own, strict=False)]
    if not ratios:
        return None
    return {
        scaling.NATIVE: quantile(native, 0.25),
        scaling.ACCELERATED: quantile(own, 0.25),
        scaling.SPEEDUP: quantile(ratios, 0.5),
    }


def intensity_of(macs: int, native: Record) -> float | None:
    """Return FLOPs for each byte that the tensors of native's call have."""
    touched = seen(native, "reuse", "touched_bytes")
    return 2.0 * macs / touched if touched else None


def seen(record: Record, instrument: str, name: str) -> float | None:
    """Return a figure that an instrument has found; None where it has not, or the file is damaged."""
    of_it: Any = record.observations.get(instrument)
    found = of_it.get(name) if isinstance(of_it, Mapping) else None
    if isinstance(found, Mapping):
        found = found.get("value")
    return float(found) if isinstance(found, int | float) and math.isfinite(found) else None


def render_study(records: Sequence[Record], backend: str) -> Iterator[str]:
    """Render the study of one backend: points, correlations, growth, sentences.

    Contended rows take part by their fastest rounds, and are marked.
    """
    points = points_of(records, backend, disturbed=True)
    yield from _rows(records, backend)
    if disturbed := sum(point.disturbed for point in points):
        yield (
            f"~ {disturbed} of {len(points)} points were measured while other work disturbed the machine: their "
            "latencies are the lower quartile of the rounds, and no speedup is claimed of any of them by itself"
        )
    found = study(points)
    if len({point.pattern for point in points}) > 1:
        yield ""
        yield "over all patterns (intervals over patterns, 95%)"
        yield f"  {'':72} {'linear':>22} {'rank':>22}"
        yield from (_association(one) for one in found.associations if one.scope == ALL)
    yield ""
    yield from _growth(found, points, records, backend)
    yield ""
    yield "what follows"
    yield from (f"  {one}" for one in conclude(found) or ["nothing that is sure"])


def _rows(records: Sequence[Record], backend: str) -> Iterator[str]:
    natives = {record.case: record for record in records if record.native}
    yield (
        f"{'pattern':30} {'d':>3} {'w':>4} {'MMACs':>8} {'bytes':>8} {'FLOP/B':>7}  {'efficacy':>9}  {'by time':>12} "
        f"{'native ms':>10} {backend + ' ms':>12} {'speedup':>18}  {'of roof':>9}"
    )
    own = [record for record in records if record.backend == backend and record.form["kind"] == "pattern"]
    for record in sorted(own, key=lambda one: (one.form["name"], one.form["depth"], one.form["width"])):
        native = natives.get(record.case, record)
        both = [
            "/".join(_figure(seen(one, *key), digits) for one in (native, record))
            for key, digits in ((("reuse", "efficacy"), 2), (("cache", "efficacy"), 2), (("roof", "share_of_roof"), 2))
        ]
        touched, intensity = seen(native, "reuse", "touched_bytes"), intensity_of(record.cost["macs"], native)
        told = _latencies(record)
        yield (
            f"{record.form['name']:30} {record.form['depth']:>3} {record.form['width']:>4} "
            f"{record.cost['macs'] / 1e6:>8.1f} {NONE if touched is None else format_bytes(touched):>8} "
            f"{_figure(intensity, 1):>7}  {both[0]:>9}  {both[1]:>12} "
            f"{told[0]:>10} {told[1]:>12} {told[2]:>18}  {both[2]:>9}"
        )


def _latencies(record: Record) -> tuple[str, str, str]:
    """Return native's latency, the engine's, and the speedup; of a contended row marked ``~``."""
    speedup, taken = record.ranked_speedup, _by_fastest_rounds(record)
    if speedup is None and taken is not None:
        native, own = (f"~{format_ms(taken[name])}" for name in (scaling.NATIVE, scaling.ACCELERATED))
        return native, own, f"~{format_ratio(taken[scaling.SPEEDUP])}"
    return (
        NONE if record.native_typical_s is None else format_ms(record.native_typical_s),
        NONE if record.typical_s is None else format_ms(record.typical_s.value),
        "contended" if speedup is None else format_estimate(speedup),
    )


def _figure(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def _association(one: Association) -> str:
    if one.linear is None or one.rank is None:
        return f"  {one.title:72} {one.why_not}"
    return f"  {one.title:72} {one.linear.plain:>22} {one.rank.plain:>22}"


def _growth(found: Scaling, points: Sequence[Point], records: Sequence[Record], backend: str) -> Iterator[str]:
    """Render the exponents of depth and width, the rank correlations with FLOPs, and what a further block takes."""
    yield "exponents of depth and of width, and rank correlation of FLOPs and latency (single patterns: 99.8%)"
    for scope in dict.fromkeys(one.scope for one in found.exponents):
        yield f"  {scope}"
        for y, words in _SHORT.items():
            one = found.exponents_of(y, scope)
            if one is not None:
                yield f"    {words:12} {_exponents(one)}"
        for y in (scaling.NATIVE, scaling.ACCELERATED):
            of = found.association(scaling.FLOPS, y, scope=scope)
            if of is not None:
                text = of.why_not if of.rank is None else of.rank.plain
                yield f"    {'FLOPs and ' + _SHORT[y]:24} {text}"
        if scope != ALL:
            yield from (f"    {line}" for line in _slopes(scope, records, backend))


def _exponents(one: Exponents) -> str:
    if one.why_not:
        return one.why_not
    return ", ".join(
        f"{name} {estimate.plain}"
        for name, estimate in (("depth", one.depth), ("width", one.width))
        if estimate is not None
    )


def _slopes(pattern: str, records: Sequence[Record], backend: str) -> Iterator[str]:
    """Render, for each width, what a further block takes between the least and the greatest depth, on both sides."""
    by_width: dict[int, list[Record]] = {}
    for record in records:
        of_pattern = record.backend == backend and record.form["kind"] == "pattern" and record.form["name"] == pattern
        if of_pattern and record.typical_s is not None and record.ranked_speedup is not None:
            by_width.setdefault(int(record.form["width"]), []).append(record)
    for width, own in sorted(by_width.items()):
        own.sort(key=lambda record: int(record.form["depth"]))
        blocks = int(own[-1].form["depth"]) - int(own[0].form["depth"])
        if not blocks:
            continue
        told = []
        for words, latency in (("native", _native_s), (backend, _own_s)):
            shallow, deep = latency(own[0]), latency(own[-1])
            slope = slope_in_depth(shallow, deep, blocks)
            if math.isfinite(slope.high):
                told.append(f"{words} {slope.value * 1e3:.3g} ms ({slope.low * 1e3:.3g} to {slope.high * 1e3:.3g})")
        if told:
            yield f"a further block at width {width}: {', '.join(told)}"


def _own_s(record: Record) -> Estimate:
    assert record.typical_s is not None
    return record.typical_s


def _native_s(record: Record) -> Estimate:
    """Return native's latency, as surely as the engine's latency and the speedup are known together."""
    own, speedup = _own_s(record), record.ranked_speedup
    assert speedup is not None
    value = own.value * speedup.value
    reach = value * max(one.high / one.value - 1 for one in (own, speedup))
    return Estimate(value, value - reach, value + reach, own.level, own.n)
