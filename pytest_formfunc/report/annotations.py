"""GitHub's workflow commands: annotations of what regressed, at its test, and of what was not measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_formfunc.measure.case_measurer import WITHOUT_NATIVE
from pytest_formfunc.records import Key
from pytest_formfunc.results import Results
from pytest_formfunc.text import printable

_MOST = 10  # GitHub shows ten of a step
# Verdicts that are annotated, and how.
_KINDS = {"regressed": "error", "inconclusive": "warning", "improved": "notice"}


def render_annotations(results: Results, lines: Mapping[str, int] | None = None) -> Iterator[str]:
    """Render one command a line, the worst first.

    Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions

    Args:
        results: of a run.
        lines: the line on which each test begins, by its id.
    """
    found = []
    for kind_at, (status, kind) in enumerate(_KINDS.items()):
        for key, record in results.records.items():
            if record.verdict and record.verdict.status == status:
                title = f"{record.title}: {status}"
                found.append((kind_at, _command(kind, results.tests.get(key, ""), title, record.verdict.reason, lines)))
    for pool in results.pooled:
        if pool.fails:
            found.append((0, _command("error", "", f"{pool.name}: lost together", pool.sentence, lines)))
    for (case, backend), reason in _once(results).items():
        title = f"{case} on {backend}: not measured"
        found.append((0, _command("error", results.tests.get((case, backend), ""), title, reason, lines)))
    found.sort(key=lambda one: one[0])
    yield from (command for _, command in found[:_MOST])
    if len(found) > _MOST:
        yield f"::notice title=formfunc::{len(found) - _MOST} more are in the report"


def _once(results: Results) -> dict[Key, str]:
    """Return the failures: of those of one case with one reason, the first that belongs to a test."""
    by_reason: dict[tuple[str, str], list[Key]] = {}
    for key, reason in results.failures.items():
        by_reason.setdefault((key[0], reason.removeprefix(WITHOUT_NATIVE)), []).append(key)
    return {
        next((key for key in keys if key in results.tests), keys[0]): reason for (_, reason), keys in by_reason.items()
    }


def _command(kind: str, test: str, title: str, message: str, lines: Mapping[str, int] | None) -> str:
    place = ""
    if file := test.partition("::")[0]:
        place = f"file={_property(Path(file).as_posix())},"
        if line := (lines or {}).get(test):
            place += f"line={line},"
    return f"::{kind} {place}title={_property(printable(title))}::{_data(printable(message))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
