"""The report's first line: what a reader must know who reads no further."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_formfunc.records import Record
from pytest_formfunc.records.parts import MISSED
from pytest_formfunc.report.backend_table import row_title
from pytest_formfunc.report.figures import rank
from pytest_formfunc.report.lines import BOLD, RED, YELLOW, Line, paragraph
from pytest_formfunc.report.section_answer import gain_of, is_claimed
from pytest_formfunc.results import Results

_MOST_NAMED = 3
_UNSURE = ("inconclusive", "not comparable")


def headline(results: Results) -> Line:
    """Return what regressed, or was not measured, or claims nothing; where nothing is amiss, what was gained."""
    rows = [record for record in results.records.values() if not record.native]
    amiss = [*_regressed(rows, results), *_pooled(results), *_missed(rows, results), *_not_measured(rows, results)]
    doubts = [*_not_judged(results), *_contended(rows)]
    unsure = any(record.verdict and record.verdict.status in _UNSURE for record in rows)
    said = [*amiss, *_nothing_regressed(rows, results, amiss), *doubts]
    claimed = [record for record in rows if is_claimed(record)]
    if claimed and not amiss:
        claimed.sort(key=rank)
        said.append(gain_of(claimed, lambda record: row_title(record, results.tests)).removesuffix("."))
    elif not claimed and rows and all(record.once for record in rows):
        said.append(f"parity checked in {_count(len(rows), 'row')}, nothing timed")
    colour = RED if amiss else YELLOW if doubts or unsure else {}
    text = "; ".join(said) or "nothing was measured"
    is_sentence = text.startswith(("none of", "all "))  # else it begins with a number, or a name
    return paragraph(text[0].upper() + text[1:] if is_sentence else text, "  ", {**BOLD, **colour})


def _regressed(rows: Sequence[Record], results: Results) -> Iterator[str]:
    judged = [record for record in rows if record.verdict]
    regressed = [record for record in judged if record.verdict and record.verdict.status == "regressed"]
    names = [_name(record, results) for record in regressed]
    if names:
        yield f"{len(names)} of {len(judged)} regressed: {_named(names)}"
    if results.comparison.missing:
        yield f"{_count(len(results.comparison.missing), 'case')} missing: {_named(results.comparison.missing_titles)}"


def _pooled(results: Results) -> Iterator[str]:
    """Say what cases lost together, the ones that fail the run."""
    yield from (one.claim for one in results.pooled if one.fails)


def _nothing_regressed(rows: Sequence[Record], results: Results, amiss: Sequence[str]) -> Iterator[str]:
    statuses = [record.verdict.status for record in rows if record.verdict]
    if not statuses or any("regressed" in one for one in amiss):
        return
    counts = {name: statuses.count(name) for name in dict.fromkeys(statuses) if name != "unchanged"}
    more = "".join(f", {count} {name}" for name, count in counts.items())
    alone = " by itself" if any(one.fails for one in results.pooled) else ""
    yield f"none of {len(statuses)} regressed{alone}{more}"


def _missed(rows: Sequence[Record], results: Results) -> Iterator[str]:
    limits = [(_name(record, results), limit) for record in rows for limit in record.limits]
    missed = [title for title, limit in limits if limit.outcome == MISSED]
    if missed:
        yield f"{len(missed)} of {len(limits)} limits missed: {_named(missed)}"


def _not_measured(rows: Sequence[Record], results: Results) -> Iterator[str]:
    failed = [
        results.tests[key] if "::" in key[0] and key in results.tests else " on ".join(key) for key in results.failures
    ]
    if failed:
        known = {record.key for record in rows} | set(results.failures)
        yield f"{len(failed)} of {len(known)} not measured: {_named(failed)}"
    if results.never_called:
        yield f"{_count(len(results.never_called), 'test')} never called formfunc"


def _not_judged(results: Results) -> Iterator[str]:
    if results.unjudged:
        yield f"{len(results.unjudged)} not judged"


def _contended(rows: Sequence[Record]) -> Iterator[str]:
    count = sum(record.noise.contended for record in rows)
    if count:
        yield f"{count} of {_count(len(rows), 'row')} claim{'s' * (count == 1)} no speedup, because of other work"


def _name(record: Record, results: Results) -> str:
    """Return a row's name, as pytest takes it, and its backend."""
    return f"{row_title(record, results.tests)} on {record.backend}"


def _named(names: Sequence[str]) -> str:
    names = list(dict.fromkeys(names))
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
