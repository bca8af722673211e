"""The report at the end of a run: a line a case, sorted by speedup, then the sum of it. At most 100 columns."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, median

from pytest_formfunc.backends import NATIVE
from pytest_formfunc.measure.case_measurer import WITHOUT_NATIVE
from pytest_formfunc.measure.quiet import advice_on
from pytest_formfunc.records import NATIVE_ENGINE, Key, Record
from pytest_formfunc.records.parts import NOT_SHOWN
from pytest_formfunc.report.engines import FASTEST, fit_engines, tabulate_engines, with_name
from pytest_formfunc.report.figures import (
    CONTENDED,
    STOPPED_EARLY,
    STOPPED_EARLY_MEANS,
    native_ms,
    own_ms,
    range_text,
    rank,
    speedup_text,
)
from pytest_formfunc.report.why import explain, explain_once
from pytest_formfunc.results import Comparison, Results, Spent
from pytest_formfunc.stats import Estimate
from pytest_formfunc.stats.mean import geometric_mean
from pytest_formfunc.text import log_line
from pytest_formfunc.units import format_bytes, format_estimate, format_percent, format_ratio

COLUMNS = 100
_CASE = 36
_SPEEDUP = 21
_WIDE = 0.04
STOLEN = 0.02  # share of all cores' time, idle ones too


@dataclass(frozen=True)
class Line:
    """A line of text and how pytest should colour it; the words alone say everything."""

    text: str
    markup: Mapping[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make names from elsewhere harmless."""
        object.__setattr__(self, "text", log_line(self.text))


def render_report(results: Results) -> Iterator[Line]:
    """Render everything that a run found."""
    records = list(results.records.values())
    for backend in dict.fromkeys(record.backend for record in records if not record.native):
        yield from render_backend(backend, records, results.memory_note, results.tests)
    yield from _engines(records, results.failures)
    yield from _failures(results.failures, results.tests)
    if results.best and not all(record.once for record in records):
        yield from _best(records)
    yield from _why(records)
    yield from _other_natives(records)
    yield from _busy(records)
    yield from _comparison(results.comparison, records)
    yield from _wrapped("not judged: ", results.unjudged)
    yield from _wrapped("formfunc was asked for and never called, so nothing was measured: ", results.never_called)
    yield from render_spent(results.spent)
    for note in results.notes:
        yield from _paragraph(note, "  ")


def render_backend(
    backend: str, records: Sequence[Record], memory_note: str = "", tests: Mapping[Key, str] | None = None
) -> Iterator[Line]:
    """Render the table of one accelerated backend."""
    rows = sorted((record for record in records if record.backend == backend), key=rank)
    judged = any(record.verdict for record in rows)
    threads, precision = rows[0].threads, rows[0].precision
    engine = rows[0].native_engine
    native_title = "native (PyTorch eager)" if engine == NATIVE_ENGINE else f"{engine}, which stands for native"
    yield Line(f"{backend} ({precision}) against {native_title}, {threads} thread{'s' * (threads != 1)}")
    servers = max((record.process_range.servers for record in rows if record.process_range), default=0)
    if servers:
        kept = any(record.speedup_memory_kept for record in rows)
        memory = "memory kept on both sides" if kept else "memory as by default"
        yield Line(f"ms and speedup: typical, {memory}, 95% interval; by default: range of {servers} processes")
    if memory_note:
        yield from _paragraph(f"memory is not kept on either side: {memory_note}", "  ")
    header = f"{'case':{_CASE}} {'native':>6} {'accel.':>6} {'speedup':{_SPEEDUP}} {'by default':12}"
    yield Line((header + (" verdict" if judged else "")).rstrip(), {"bold": True})
    for record in rows:
        verdict = record.verdict.status if record.verdict else ""
        figures = (
            f"{native_ms(record):>6} {own_ms(record):>6} {speedup_text(record):{_SPEEDUP}} "
            f"{range_text(record.process_range):12} {verdict}"
        )
        colour = {"red": True} if verdict == "regressed" else {"yellow": True} if record.noise.contended else {}
        for text in with_name(_title(record, tests or {}), _CASE, figures):
            yield Line(text.rstrip(), colour)
    if any(speedup_text(record).endswith(STOPPED_EARLY) for record in rows):
        yield Line(STOPPED_EARLY_MEANS)
    yield from _summary(rows)
    yield from _limits(rows)


def _summary(rows: Sequence[Record]) -> Iterator[Line]:
    claimed = [(record, speedup) for record in rows if (speedup := record.ranked_speedup) is not None]
    known = [(record, speedup) for record, speedup in claimed if math.isfinite(speedup.high)]
    if claimed and not known:
        yield Line("one call each, parity checked: no speedup is claimed")
    if not known:
        return
    mean = geometric_mean([speedup for _, speedup in known])
    yield Line(f"geometric mean {format_estimate(mean)} over {len(known)} case{'s' * (len(known) != 1)}")
    ratios = [math.log(record.speedup.value / speedup.value) for record, speedup in known if record.speedup]
    if any(record.speedup_memory_kept for record, _ in known) and ratios:
        memory = math.exp(fmean(ratios))
        yield Line(
            f"by default a process gets {format_ratio(mean.value * memory)} in the mean: "
            f"{format_ratio(memory)} of that is memory management"
        )
    widths = [speedup.half_width for _, speedup in known]
    wide = sum(width > _WIDE for width in widths)
    yield Line(
        f"half-width of the intervals: median ±{median(widths):.1%}, "
        f"{len(widths) - wide} of {len(widths)} within ±{_WIDE:.0%}"
    )
    by_name: dict[str, list[Estimate]] = {}
    for record, speedup in known:
        by_name.setdefault(str(record.form["name"]), []).append(speedup)
    if len(by_name) > 1:
        means = sorted(((geometric_mean(group), name) for name, group in by_name.items()), key=lambda m: m[0].value)
        (worst, worst_name), (best, best_name) = means[0], means[-1]
        yield Line(f"best  {best_name} {format_estimate(best)}")
        yield Line(f"worst {worst_name} {format_estimate(worst)}")


def _limits(rows: Sequence[Record]) -> Iterator[Line]:
    """Say which floors and ceilings were met, missed or not shown."""
    outcomes = [limit for record in rows for limit in record.limits]
    counts = [
        f"{sum(limit.outcome == outcome for limit in outcomes)} {outcome}"
        for outcome in dict.fromkeys(limit.outcome for limit in outcomes)
    ]
    if counts:
        yield Line(f"min_speedup and max_latency: {', '.join(counts)}")
    for limit in outcomes:
        if limit.outcome == NOT_SHOWN:
            yield from _paragraph(f"  not shown: {limit.reason}", "    ")


def _engines(records: Sequence[Record], failures: Mapping[tuple[str, str], str]) -> Iterator[Line]:
    table = tabulate_engines(records, failures)
    if table is not None:
        yield Line(f"speedup by engine, ± half of its 95% interval; {FASTEST} is a case's fastest", {"bold": True})
        yield from map(Line, fit_engines(table, COLUMNS))


def _best(records: Sequence[Record]) -> Iterator[Line]:
    """Name the fastest engine of each case; what is left here keeps parity."""
    yield Line("fastest that keeps parity:", {"bold": True})
    for case in dict.fromkeys(record.case for record in records):
        known = [record for record in records if record.case == case and record.typical_s is not None]
        if not known:
            yield Line(f"  {case}: unknown, because nothing of it was measured undisturbed")
            continue
        fastest = min(known, key=lambda one: one.typical_s.value if one.typical_s else math.inf)
        speedup = f", {speedup_text(fastest)}" if not fastest.native else ": nothing beats it"
        chosen = ", ".join(f"{name}={value}" for name, value in fastest.settings.items())
        text = f"{case}: {fastest.backend} {own_ms(fastest)} ms{speedup}"
        yield from _wrapped("  ", [text, *([chosen] if chosen else [])])


def _why(records: Sequence[Record]) -> Iterator[Line]:
    """Say of each case what instruments have observed."""
    for case in dict.fromkeys(record.case for record in records if record.observations or record.waterfall):
        yield Line(f"why, {case}:")
        for sentence in explain([record for record in records if record.case == case], records):
            yield from _paragraph(sentence, "  ")
    for sentence in explain_once(records):
        yield from _paragraph(sentence, "  ")


def _other_natives(records: Sequence[Record]) -> Iterator[Line]:
    """Say where native is something else than float32 that PyTorch runs operator by operator."""
    for record in records:
        if record.native and record.native_engine == NATIVE_ENGINE and record.settings:
            said = ", ".join(f"{name} {value}" for name, value in record.settings.items())
            yield from _paragraph(f"native of {record.case}: {said}")


def _busy(records: Sequence[Record]) -> Iterator[Line]:
    """Say which cases have no speedup because of other work on the machine, and what to do."""
    accelerated = [record for record in records if not record.native]
    contended = [record for record in accelerated if record.noise.contended]
    for cause in dict.fromkeys(record.noise.cause for record in contended):
        count = sum(record.noise.cause == cause for record in contended)
        text = f"{CONTENDED}: {count} of {len(accelerated)} rows claim no speedup, because {cause}: {advice_on(cause)}"
        for line in _paragraph(text):
            yield replace(line, markup={"yellow": True})
    stolen = [record.noise.steal_fraction for record in records if record.native]
    if stolen and median(stolen) > STOLEN:
        text = (
            f"busy host: it gave {median(stolen):.0%} of the cores' time to other machines (up to {max(stolen):.0%} in "
            "a case); what a core computes in a millisecond then changes from one to the next, and intervals are wide"
        )
        for line in _paragraph(text):
            yield replace(line, markup={"yellow": True})


def _failures(failures: Mapping[Key, str], tests: Mapping[Key, str]) -> Iterator[Line]:
    """Say what was not measured and why; what one reason holds for is said once."""
    backends: dict[tuple[str, str], list[str]] = {}
    for (case, backend), reason in failures.items():
        backends.setdefault((case, reason.removeprefix(WITHOUT_NATIVE)), []).append(backend)
    for (case, reason), names in backends.items():
        first = next((name for name in names if (case, name) in tests), names[0])
        others = [name for name in names if name not in (first, NATIVE)]
        what = tests[case, first] if "::" in case and (case, first) in tests else f"{case} on {first}"
        also = f" (and on {', '.join(others)})" if others else ""
        for line in _paragraph(f"not measured: {what}{also}: {reason}"):
            yield replace(line, markup={"red": True})


def _title(record: Record, tests: Mapping[Key, str]) -> str:
    """Return a name that pytest takes where it was started; a test's own id where its case is one of several."""
    test = tests.get((record.case, record.backend))
    if test is None or "::" not in record.case:
        return record.case
    return test if record.case.endswith("]") else test.rpartition("[")[0] or test


def _comparison(comparison: Comparison, records: Sequence[Record]) -> Iterator[Line]:
    if comparison.note:
        yield from _paragraph(comparison.note)
    if not comparison.title:
        return
    if comparison.baseline_name:
        yield Line(f"compared with {comparison.baseline_name}")
    verdicts = [record.verdict for record in records if record.verdict]
    if any(verdict.change for verdict in verdicts):
        yield Line(
            f"false alarms: in at most {comparison.false_alarm:.0%} of runs of unchanged code "
            "(Lan-DeMets spending, fallback procedure)"
        )
    for verdict in verdicts:
        if verdict.status in ("regressed", "improved"):
            yield from _paragraph(f"  {verdict.reason}", "      ")
    counts = {status: sum(verdict.status == status for verdict in verdicts) for status in _STATUSES}
    texts = [f"{count} {status}" for status, count in counts.items() if count]
    if comparison.missing:
        texts.append(f"{len(comparison.missing)} missing")
    yield Line(f"verdicts: {', '.join(texts) or 'none'}")
    unlike = dict.fromkeys(verdict.reason for verdict in verdicts if verdict.status == "not comparable")
    for reason in unlike:
        yield from _paragraph(f"not comparable: {reason}", "    ")
    unsure = [record for record in records if record.verdict and record.verdict.status == "inconclusive"]
    for record in unsure:
        if record.verdict and record.verdict.change:
            yield Line(
                f"inconclusive: {record.case} changed by {format_estimate(record.verdict.change)}, "
                f"threshold {format_percent(record.verdict.threshold)}"
            )
    new = [
        f"{record.case} on {record.backend}" for record in records if record.verdict and record.verdict.status == "new"
    ]
    yield from _wrapped("new: ", new)
    yield from _wrapped("missing: ", comparison.missing_titles)


_STATUSES = ("regressed", "improved", "unchanged", "inconclusive", "new", "not comparable")


def render_spent(spent: Spent) -> Iterator[Line]:
    """Say where time and memory went."""
    yield Line(
        f"time: {spent.starting_s:.0f} s starting, {spent.preparing_s:.0f} s preparing ({spent.converted} converted, "
        f"{spent.reused} from the cache), {spent.measuring_s:.0f} s measuring "
        f"({spent.loading_s:.0f} s of it loading)"
        + (f", {spent.observing_s:.0f} s observing" if spent.observing_s else "")
    )
    for what in dict.fromkeys(spent.missed.values()):
        cases = [case for case, differs in spent.missed.items() if differs == what]
        more = f" and {len(cases) - 1} more" if len(cases) > 1 else ""
        yield from _paragraph(
            f"prepared again, because the {what} differ from the last run's: {cases[0]}{more}; if they are random, set "
            "formfunc_seed in the ini file to seed them before each test"
        )
    if spent.remade:
        one, *others = spent.remade
        many = f"{1 + len(others)} artifacts of the cache were not as they had"
        what = many if others else f"{one} was not as it had"
        yield from _paragraph(f"made again: {what} been written: was the disk full, or did something change the files?")
    if spent.spare:
        yield from _paragraph(f"artifacts are not kept for later runs, because {spent.spare}")
    if spent.locked_s >= 1:
        yield Line(f"waited {spent.locked_s:.0f} s for other runs on this machine, which measure or prepare")
    stops = ", ".join(f"{count} {_STOPS.get(name, name)}" for name, count in sorted(spent.stops.items()) if count)
    again = f"; {spent.discarded_rounds} disturbed rounds were measured again" if spent.discarded_rounds else ""
    looks = f"; {spent.second_looks} second looks" if spent.second_looks else ""
    yield Line(f"cases: {stops or 'none measured'}{looks}{again}")
    if spent.paces is not None:
        near, slow = spent.paces
        yield Line(
            f"machine: near its best pace in {near:.0%} of all looks, much slower in {slow:.0%}; waited "
            f"{spent.waited_s:.0f} s for it"
        )
    yield Line(
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


def _paragraph(text: str, indent: str = "") -> Iterator[Line]:
    """Break a sentence into lines at its spaces: a path or a test's id stays whole, to be copied."""
    for line in textwrap.wrap(text, COLUMNS, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False):
        yield Line(line)


def _wrapped(title: str, texts: Sequence[str]) -> Iterator[Line]:
    """Join texts by commas, broken into lines."""
    line = title
    for index, text in enumerate(texts):
        piece = text + ("," if index < len(texts) - 1 else "")
        if len(line) + len(piece) + 1 > COLUMNS and line.strip() != title.strip():
            yield Line(line.rstrip())
            line = " " * len(title)
        line += piece + " "
    if texts:
        yield Line(line.rstrip())
