"""The report at the end of a run: the headline, a line a case, sorted by speedup, then the sum of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from pytest_formfunc.backends import NATIVE
from pytest_formfunc.measure.case_measurer import WITHOUT_NATIVE
from pytest_formfunc.measure.quiet import advice_on
from pytest_formfunc.records import NATIVE_ENGINE, Key, Record
from pytest_formfunc.records.parts import MISSED, NOT_SHOWN
from pytest_formfunc.report.backend_table import render_backend
from pytest_formfunc.report.cards import render_cards
from pytest_formfunc.report.engines import FASTEST, fit_engines, tabulate_engines
from pytest_formfunc.report.figures import CONTENDED, own_ms, rank, speedup_text
from pytest_formfunc.report.headline import headline
from pytest_formfunc.report.lines import BOLD, RED, YELLOW, Line, fit, listed, paragraph
from pytest_formfunc.report.screen import DEFAULT, Screen
from pytest_formfunc.report.why import explain, explain_once
from pytest_formfunc.results import Comparison, Results, Spent
from pytest_formfunc.stats import Estimate, median
from pytest_formfunc.stats.mean import geometric_mean
from pytest_formfunc.units import format_bytes, format_estimate, format_percent, format_ratio

_WIDE = 0.04
STOLEN = 0.02  # share of all cores' time, idle ones too


def render_report(results: Results, screen: Screen = DEFAULT, *, quiet: bool = False) -> Iterator[Line]:
    """Render everything that a run found.

    Args:
        results: of the run.
        screen: where it is written.
        quiet: whether to give the headline and the reasons alone.
    """
    yield from fit(_briefly(results, screen) if quiet else _in_full(results, screen), screen.columns)


def _briefly(results: Results, screen: Screen) -> Iterator[Line]:
    """Say the headline, and of what is amiss why."""
    yield headline(results)
    yield from _failures(results.failures, results.tests, screen)
    for record in results.records.values():
        reasons = [limit.reason for limit in record.limits if limit.outcome == MISSED]
        if record.verdict and record.verdict.status == "regressed":
            reasons.append(record.verdict.reason)
        for reason in reasons:
            if not screen.has_told(reason):
                yield paragraph(f"  {reason}", "      ", RED)
    for one in results.pooled:
        if one.fails and not screen.has_told(one.sentence):
            yield paragraph(f"  {one.sentence}", "      ", RED)
    yield from _causes(results.causes)


def _causes(causes: Sequence[str]) -> Iterator[Line]:
    """Say what lost speedups, where that was searched."""
    for cause in causes:
        yield paragraph(cause, "  ", RED)


def _in_full(results: Results, screen: Screen) -> Iterator[Line]:
    records = list(results.records.values())
    yield headline(results)
    for backend in dict.fromkeys(record.backend for record in records if not record.native):
        yield from render_backend(backend, records, results.memory_note, results.tests, screen)
        rows = sorted((record for record in records if record.backend == backend), key=rank)
        yield from _summary(rows)
        yield from _limits(rows)
    yield from _engines(records, results.failures, screen.columns)
    yield from render_cards(records)
    yield from _failures(results.failures, results.tests, screen)
    if results.best and not all(record.once for record in records):
        yield from _best(records)
    yield from _why(records)
    yield from _other_natives(records)
    yield from _busy(records)
    yield from _comparison(results.comparison, records, screen)
    for one in results.pooled:
        if not screen.has_told(one.sentence):
            yield paragraph(f"together: {one.sentence}", "  ", RED if one.fails else {})
    yield from _causes(results.causes)
    yield from listed("not judged: ", results.unjudged)
    yield from listed("formfunc was asked for and never called, so nothing was measured: ", results.never_called)
    yield from render_spent(results.spent)
    for note in results.notes:
        yield paragraph(note, "  ")


def _summary(rows: Sequence[Record]) -> Iterator[Line]:
    claimed = [(record, speedup) for record in rows if (speedup := record.ranked_speedup) is not None]
    known = [(record, speedup) for record, speedup in claimed if math.isfinite(speedup.high)]
    if claimed and not known:
        yield paragraph("one call each, parity checked: no speedup is claimed")
    if not known:
        return
    mean = geometric_mean([speedup for _, speedup in known])
    yield paragraph(f"geometric mean {format_estimate(mean)} over {len(known)} case{'s' * (len(known) != 1)}")
    ratios = [math.log(record.speedup.value / speedup.value) for record, speedup in known if record.speedup]
    if any(record.speedup_memory_kept for record, _ in known) and ratios:
        memory = math.exp(fmean(ratios))
        yield paragraph(
            f"by default a process gets {format_ratio(mean.value * memory)} in the mean: "
            f"{format_ratio(memory)} of that is memory management"
        )
    widths = [speedup.half_width for _, speedup in known]
    wide = sum(width > _WIDE for width in widths)
    yield paragraph(
        f"half-width of the intervals: median ±{median(widths):.1%}, "
        f"{len(widths) - wide} of {len(widths)} within ±{_WIDE:.0%}"
    )
    by_name: dict[str, list[Estimate]] = {}
    for record, speedup in known:
        by_name.setdefault(str(record.form["name"]), []).append(speedup)
    if len(by_name) > 1:
        means = sorted(((geometric_mean(group), name) for name, group in by_name.items()), key=lambda m: m[0].value)
        (worst, worst_name), (best, best_name) = means[0], means[-1]
        yield paragraph(f"best  {best_name} {format_estimate(best)}")
        yield paragraph(f"worst {worst_name} {format_estimate(worst)}")


def _limits(rows: Sequence[Record]) -> Iterator[Line]:
    """Say which floors and ceilings were met, missed or not shown."""
    outcomes = [limit for record in rows for limit in record.limits]
    counts = [
        f"{sum(limit.outcome == outcome for limit in outcomes)} {outcome}"
        for outcome in dict.fromkeys(limit.outcome for limit in outcomes)
    ]
    if counts:
        yield paragraph(f"min_speedup and max_latency: {', '.join(counts)}")
    for limit in outcomes:
        if limit.outcome == NOT_SHOWN:
            yield paragraph(f"  not shown: {limit.reason}", "    ")


def _engines(records: Sequence[Record], failures: Mapping[tuple[str, str], str], columns: int) -> Iterator[Line]:
    table = tabulate_engines(records, failures)
    if table is not None:
        yield Line(f"speedup by engine, ± half of its 95% interval; {FASTEST} is a case's fastest", BOLD)
        yield from map(Line, fit_engines(table, columns))


def _best(records: Sequence[Record]) -> Iterator[Line]:
    """Name the fastest engine of each case; what is left here keeps parity."""
    yield Line("fastest that keeps parity:", BOLD)
    for case in dict.fromkeys(record.case for record in records):
        known = [record for record in records if record.case == case and record.typical_s is not None]
        if not known:
            yield paragraph(f"  {case}: unknown, because nothing of it was measured undisturbed")
            continue
        fastest = min(known, key=lambda one: one.typical_s.value if one.typical_s else math.inf)
        speedup = f", {speedup_text(fastest)}" if not fastest.native else ": nothing beats it"
        chosen = ", ".join(f"{name}={value}" for name, value in fastest.settings.items())
        text = f"{case}: {fastest.backend} {own_ms(fastest)} ms{speedup}"
        yield from listed("  ", [text, *([chosen] if chosen else [])])


def _why(records: Sequence[Record]) -> Iterator[Line]:
    """Say of each case what instruments have observed."""
    for case in dict.fromkeys(record.case for record in records if record.observations or record.waterfall):
        yield Line(f"why, {case}:")
        for sentence in explain([record for record in records if record.case == case], records):
            yield paragraph(sentence, "  ")
    for sentence in explain_once(records):
        yield paragraph(sentence, "  ")


def _other_natives(records: Sequence[Record]) -> Iterator[Line]:
    """Say where native is something else than float32 that PyTorch runs operator by operator."""
    for record in records:
        if record.native and record.native_engine == NATIVE_ENGINE and record.settings:
            said = ", ".join(f"{name} {value}" for name, value in record.settings.items())
            yield paragraph(f"native of {record.case}: {said}")


def _busy(records: Sequence[Record]) -> Iterator[Line]:
    """Say which cases have no speedup because of other work on the machine, and what to do."""
    accelerated = [record for record in records if not record.native]
    contended = [record for record in accelerated if record.noise.contended]
    for cause in dict.fromkeys(record.noise.cause for record in contended):
        count = sum(record.noise.cause == cause for record in contended)
        text = f"{CONTENDED}: {count} of {len(accelerated)} rows claim no speedup, because {cause}: {advice_on(cause)}"
        yield paragraph(text, markup=YELLOW)
    stolen = [record.noise.steal_fraction for record in records if record.native]
    if stolen and median(stolen) > STOLEN:
        text = (
            f"busy host: it gave {median(stolen):.0%} of the cores' time to other machines (up to {max(stolen):.0%} in "
            "a case); what a core computes in a millisecond then changes from one to the next, and intervals are wide"
        )
        yield paragraph(text, markup=YELLOW)


def _failures(failures: Mapping[Key, str], tests: Mapping[Key, str], screen: Screen = DEFAULT) -> Iterator[Line]:
    """Say what was not measured and why; what one reason holds for is said once."""
    backends: dict[tuple[str, str], list[str]] = {}
    for (case, backend), reason in failures.items():
        backends.setdefault((case, reason.removeprefix(WITHOUT_NATIVE)), []).append(backend)
    for (case, reason), names in backends.items():
        first = next((name for name in names if (case, name) in tests), names[0])
        others = [name for name in names if name not in (first, NATIVE)]
        what = tests[case, first] if "::" in case and (case, first) in tests else f"{case} on {first}"
        also = f" (and on {', '.join(others)})" if others else ""
        why = "for the reason above" if screen.has_told(reason) else reason
        yield paragraph(f"not measured: {what}{also}: {why}", markup=RED)


def _comparison(comparison: Comparison, records: Sequence[Record], screen: Screen) -> Iterator[Line]:
    if comparison.note:
        yield paragraph(comparison.note)
    if not comparison.title:
        return
    if comparison.baseline_name:
        yield paragraph(f"compared with {comparison.baseline_name}")
    verdicts = [record.verdict for record in records if record.verdict]
    if any(verdict.change for verdict in verdicts):
        yield paragraph(
            f"false alarms: in at most {comparison.false_alarm:.0%} of runs of unchanged code "
            "(Lan-DeMets spending, fallback procedure)"
        )
    for verdict in verdicts:
        if verdict.status in ("regressed", "improved") and not screen.has_told(verdict.reason):
            yield paragraph(f"  {verdict.reason}", "      ")
    counts = {status: sum(verdict.status == status for verdict in verdicts) for status in _STATUSES}
    texts = [f"{count} {status}" for status, count in counts.items() if count]
    if comparison.missing:
        texts.append(f"{len(comparison.missing)} missing")
    yield paragraph(f"verdicts: {', '.join(texts) or 'none'}")
    unlike = dict.fromkeys(verdict.reason for verdict in verdicts if verdict.status == "not comparable")
    for reason in unlike:
        yield paragraph(f"not comparable: {reason}", "    ")
    unsure = [record for record in records if record.verdict and record.verdict.status == "inconclusive"]
    for record in unsure:
        if record.verdict and record.verdict.change:
            yield paragraph(
                f"inconclusive: {record.case} changed by {format_estimate(record.verdict.change)}, "
                f"threshold {format_percent(record.verdict.threshold)}"
            )
    new = [
        f"{record.case} on {record.backend}" for record in records if record.verdict and record.verdict.status == "new"
    ]
    yield from listed("new: ", new)
    yield from listed("missing: ", comparison.missing_titles)


_STATUSES = ("regressed", "improved", "unchanged", "inconclusive", "new", "not comparable")


def render_spent(spent: Spent) -> Iterator[Line]:
    """Say where time and memory went."""
    yield paragraph(
        f"time: {spent.starting_s:.0f} s starting, {spent.preparing_s:.0f} s preparing ({spent.converted} converted, "
        f"{spent.reused} from the cache), {spent.measuring_s:.0f} s measuring "
        f"({spent.loading_s:.0f} s of it loading)"
        + (f", {spent.observing_s:.0f} s observing" if spent.observing_s else "")
    )
    for what in dict.fromkeys(spent.missed.values()):
        cases = [case for case, differs in spent.missed.items() if differs == what]
        more = f" and {len(cases) - 1} more" if len(cases) > 1 else ""
        yield paragraph(
            f"prepared again, because the {what} differ from the last run's: {cases[0]}{more}; if they are random, set "
            "formfunc_seed in the ini file to seed them before each test"
        )
    if spent.remade:
        one, *others = spent.remade
        many = f"{1 + len(others)} artifacts of the cache were not as they had"
        what = many if others else f"{one} was not as it had"
        yield paragraph(f"made again: {what} been written: was the disk full, or did something change the files?")
    if spent.spare:
        yield paragraph(f"artifacts are not kept for later runs, because {spent.spare}")
    if spent.locked_s >= 1:
        yield paragraph(f"waited {spent.locked_s:.0f} s for other runs on this machine, which measure or prepare")
    stops = ", ".join(f"{count} {_STOPS.get(name, name)}" for name, count in sorted(spent.stops.items()) if count)
    again = f"; {spent.discarded_rounds} disturbed rounds were measured again" if spent.discarded_rounds else ""
    looks = f"; {spent.second_looks} second looks" if spent.second_looks else ""
    yield paragraph(f"cases: {stops or 'none measured'}{looks}{again}")
    if spent.paces is not None:
        near, slow = spent.paces
        yield paragraph(
            f"machine: near its best pace in {near:.0%} of all looks, much slower in {slow:.0%}; waited "
            f"{spent.waited_s:.0f} s for it"
        )
    yield paragraph(
        f"peak memory: {format_bytes(spent.parent_peak_bytes)} in this process, "
        f"{format_bytes(spent.worker_peak_bytes)} in the largest worker"
    )


_STOPS = {
    "precise": "as precise as asked",
    "budget": "stopped by the budget",
    "launches": "stopped by the most launches",
    "verdict": "left to the verdict",
    "once": "run once",
    "": "failed",
}
