"""Decide whether everything that was asked for was judged; a strict comparison fails if anything was not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from pytest_formfunc.policy import Accepted
from pytest_formfunc.records import Key
from pytest_formfunc.results import Comparison, Results

ALL_JUDGED = "formfunc-all-judged"  # the test that fails where something was not judged
_MOST_NAMED = 20
_ALL_INCONCLUSIVE = "every verdict is inconclusive"


def missing_test(name: str) -> str:
    """Return the name of the test that a strict run adds for what is missing."""
    return f"formfunc-missing[{name}]"


def why_incomplete(results: Results, accepts: Sequence[str] = ()) -> str:
    """Return a sentence if less was judged than was asked for, and an empty string otherwise.

    Args:
        results: of the run.
        accepts: names of cases that need not be judged.
    """
    comparison, accepted = results.comparison, Accepted(accepts)
    without = [
        title for title in results.unjudged if title not in accepted and title.replace(" on ", "-") not in accepted
    ]
    faults = []
    if not comparison.asked:
        faults.append("no test of an accelerated backend was among those that ran")
    if without:
        faults.append(f"{len(without)} of {len(comparison.asked)} have no verdict ({', '.join(without[:_MOST_NAMED])})")
    if comparison.deselected:
        faults.append(f"{comparison.deselected} measuring tests were deselected")
    if _all_inconclusive({record.verdict.status for record in results.records.values() if record.verdict}):
        faults.append(_ALL_INCONCLUSIVE)
    if not faults:
        return ""
    reasons = "; ".join(faults)
    return f"the comparison with {comparison.title} is incomplete, which --formfunc-strict does not pass: {reasons}"


def missing_sentences(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """Yield a test's name, and the sentence that it fails with, for each case and backend that is missing."""
    for names, title in zip(comparison.missing, comparison.missing_titles, strict=True):
        yield (
            missing_test("-".join(names)),
            f"{title} is missing: {comparison.title} has it and this run does not measure it, "
            "which --formfunc-strict does not pass",
        )


def why_runs_differ(statuses: Collection[str], missing: Collection[Key]) -> str:
    """Return a clause if a comparison of two saved runs judged less than they hold, and an empty string otherwise."""
    gaps = [status for status in ("new", "not comparable") if status in statuses]
    gaps += ["missing"] if missing else []
    if gaps:
        return f"there are cases that are {', '.join(gaps)}"
    return why_all_inconclusive(statuses)


def why_all_inconclusive(statuses: Collection[str]) -> str:
    """Return a clause if every verdict is inconclusive, and an empty string otherwise."""
    return _ALL_INCONCLUSIVE if _all_inconclusive(statuses) else ""


def _all_inconclusive(statuses: Collection[str]) -> bool:
    return set(statuses) == {"inconclusive"}
