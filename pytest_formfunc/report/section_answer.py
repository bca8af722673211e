"""The page's first section: what was found, in three sentences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from pytest_formfunc.records import Record
from pytest_formfunc.report.figures import rank
from pytest_formfunc.report.markup import text
from pytest_formfunc.results import Results
from pytest_formfunc.stats import median
from pytest_formfunc.stats.mean import geometric_mean
from pytest_formfunc.units import format_estimate

_MOST_NAMED = 3


def answer(results: Results) -> str:
    """Render how much was gained and where, what changed, and how sure that is."""
    sentences = [*sentences_of(results)]
    return f'<p class="answer">{" ".join(map(text, sentences))}</p>\n' if sentences else ""


def sentences_of(results: Results) -> Iterator[str]:
    """Return at most three sentences: the speedup, the comparison, the certainty."""
    rows = [record for record in results.records.values() if not record.native]
    if not rows:
        return
    claimed = sorted((record for record in rows if is_claimed(record)), key=rank)
    if claimed:
        yield gain_of(claimed)
    if results.comparison.title:
        yield _change(rows, results)
    yield _certainty(rows, claimed)


def _certainty(rows: Sequence[Record], claimed: Sequence[Record]) -> str:
    """Say how wide the intervals are, and how many rows claim nothing and why."""
    without = len(rows) - len(claimed)
    contended = sum(record.noise.contended for record in rows)
    if not claimed:
        what = "The one row claims no speedup" if len(rows) == 1 else f"None of the {len(rows)} rows claims a speedup"
        why = (
            ""
            if not contended
            else ": other work disturbed the machine" + (f" in {contended} of them" if contended < len(rows) else "")
        )
        return f"{what}{why}."
    if len(claimed) == 1:
        sure = f"The 95% interval is ±{_half_width(claimed[0]):.1%}"
    else:
        sure = f"Half of the 95% intervals are narrower than ±{median(_half_width(one) for one in claimed):.1%}"
    if not without:
        return f"{sure}." if len(rows) == 1 else f"{sure}, and every row claims a speedup."
    which = "" if contended == without else f" {contended} of them"
    why = f",{which} because other work disturbed the machine" if contended else ""
    return f"{sure}; {without} of {len(rows)} rows claim{'s' * (without == 1)} nothing{why}."


def is_claimed(record: Record) -> bool:
    """Return whether a row claims a speedup with an interval that has two ends."""
    return record.ranked_speedup is not None and math.isfinite(record.ranked_speedup.high)


def _half_width(record: Record) -> float:
    assert record.ranked_speedup is not None
    return record.ranked_speedup.half_width


def gain_of(claimed: Sequence[Record], name: Callable[[Record], str] = lambda record: record.case) -> str:
    """Name the backend with the greatest mean, its mean, and where it gains most and least."""
    by_backend: dict[str, list[Record]] = {}
    for record in claimed:
        by_backend.setdefault(record.backend, []).append(record)
    means = {
        name: geometric_mean([one.ranked_speedup for one in own if one.ranked_speedup])
        for name, own in by_backend.items()
    }
    best = max(means, key=lambda name: means[name].value)
    own = by_backend[best]
    if len(own) == 1 and own[0].ranked_speedup:
        return f"{name(own[0])} is {format_estimate(own[0].ranked_speedup)} as fast on {best} as on native."
    first, last = own[0].ranked_speedup, own[-1].ranked_speedup
    assert first is not None
    assert last is not None
    others = f" (the greatest mean of {len(means)} backends)" if len(means) > 1 else ""
    return (
        f"{best} is {format_estimate(means[best])} as fast as native in the geometric mean of {len(own)} cases{others}:"
        f" most in {name(own[0])} ({format_estimate(first)}), least in {name(own[-1])} ({format_estimate(last)})."
    )


def _change(rows: Sequence[Record], results: Results) -> str:
    """Count the verdicts, and name what regressed, by itself or together."""
    regressed = [record.title for record in rows if record.verdict and record.verdict.status == "regressed"]
    judged = sum(record.verdict is not None for record in rows)
    if regressed:
        more = f" and {len(regressed) - _MOST_NAMED} more" if len(regressed) > _MOST_NAMED else ""
        named = f": {', '.join(regressed[:_MOST_NAMED])}{more}"
    else:
        named = ""
    together = "".join(f"; {one.claim}" for one in results.pooled if one.fails)
    text = f"Against {results.comparison.title}, {len(regressed) or 'none'} of {judged} judged rows regressed"
    return f"{text}{named}{together}."
