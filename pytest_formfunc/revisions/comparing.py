"""Compare in a pytest of its own, and read what it concluded: a step of a search for what lost a speedup."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

LOST, KEPT, UNKNOWN = "lost it", "kept it", "cannot be judged"
FINE = frozenset(("unchanged", "improved"))
_CLEANING_S = 60
_TROUBLE = ("ERROR", "FAILED", "E  ", "INTERNALERROR")


def run_pytest(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run pytest; return its exit code and its output. After Ctrl-C it gets time to clean up."""
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        stdin=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            text, _ = process.communicate()
        except KeyboardInterrupt:
            process.terminate()  # which it takes as Ctrl-C; a job in the background of a shell would ignore SIGINT
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=_CLEANING_S)
            raise
    return process.returncode, text


def read_judged(report: Path) -> list[dict[str, Any]]:
    """Return the records in a run's report that have a verdict; none if it ended before it measured anything."""
    try:
        records = json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [record for record in records if record.get("verdict")]


def outcome_of(statuses: Collection[str], *, complete: bool) -> str:
    """Return what verdicts say together.

    Args:
        statuses: of the verdicts.
        complete: whether everything that was to be judged has one.
    """
    if "regressed" in statuses:
        return LOST
    return KEPT if complete and statuses and FINE.issuperset(statuses) else UNKNOWN


def narrow(
    low: int, high: int, ask: Callable[[int], str], distance: Callable[[int, int, int], float]
) -> tuple[int, int]:
    """Return between which places of a row the loss appears: it is not seen at the first, and it is at the second.

    Places between them, if any are left, cannot be judged.

    Args:
        low: a place where the loss is not seen.
        high: a later one where it is.
        ask: returns ``LOST``, ``KEPT`` or ``UNKNOWN`` of a place.
        distance: how far a place, the second argument, is from the middle of the two others.
    """
    unknown: set[int] = set()
    while places := [place for place in range(low + 1, high) if place not in unknown]:
        place = min(places, key=lambda one: distance(low, one, high))
        outcome = ask(place)
        if outcome == LOST:
            high = place
        elif outcome == KEPT:
            low = place
        else:
            unknown.add(place)
    return low, high


def first_trouble(text: str) -> str:
    """Return the first line of pytest's output that says what went wrong; empty if none does."""
    return next((line.strip() for line in text.splitlines() if line.startswith(_TROUBLE)), "")
