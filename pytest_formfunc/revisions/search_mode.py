"""Detect whether this process is a step of a search for a package that lost a speedup; this imports nothing heavy."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path

SEARCH_VARIABLE = "PYTEST_FORMFUNC_SEARCH"  # names a file, which lists the tests to run


def is_search_step() -> bool:
    """Return whether another run, which searches, has started this process."""
    return bool(os.environ.get(SEARCH_VARIABLE))


def searched_tests() -> frozenset[str] | None:
    """Return the ids of the tests that a step of a search runs; None for all that its arguments choose."""
    name = os.environ.get(SEARCH_VARIABLE)
    found = json.loads(Path(name).read_text(encoding="utf-8")) if name else None
    return None if found is None else frozenset(found)


def as_search_step(environment: Mapping[str, str], file: Path, tests: Collection[str] | None) -> dict[str, str]:
    """Return the environment of a process that is a step, whose tests are written to a file; None for all of them."""
    file.write_text(json.dumps(None if tests is None else sorted(tests)), encoding="utf-8")
    return {**environment, SEARCH_VARIABLE: str(file)}
