"""Keep the tests of one part of all cases: ``--formfunc-shard``. Tests that do not measure stay in every part."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_formfunc.errors import BadInput
from pytest_formfunc.json_reading import parse_json, read_file
from pytest_formfunc.paths import exists
from pytest_formfunc.plugin.plan import PLAN
from pytest_formfunc.stats.balance import balance, fill_gaps

if TYPE_CHECKING:
    from pytest_formfunc.plugin.session import Session


def keep_part(session: Session, items: list[pytest.Item]) -> None:
    """Remove the tests of the other parts' cases; the tests of a case are in one part together.

    Args:
        session: of this process; it notes what is in all parts.
        items: all tests; those of other parts are removed from it.

    Raises:
        BadInput: the file of durations cannot be read.
    """
    assert session.settings.shard is not None
    index, of = session.settings.shard
    plans = [item.stash[PLAN] for item in items if PLAN in item.stash]
    sizes = Counter(plan.group for plan in plans)
    durations = fill_gaps([*sizes], read_durations(session.settings.durations), sizes)
    mine = set(balance(durations, of)[index - 1])
    session.plans_of_all = plans
    others = [item for item in items if PLAN in item.stash and item.stash[PLAN].group not in mine]
    if others:
        items[:] = [item for item in items if item not in set(others)]
        session.is_dividing = True
        try:
            session.config.hook.pytest_deselected(items=others)
        finally:
            session.is_dividing = False


def read_durations(path: Path) -> dict[str, float]:
    """Return the seconds of each case, as ``pytest-formfunc durations`` wrote them; nothing if there is no such file.

    Raises:
        BadInput: it cannot be read, or has something else than seconds.
    """
    try:
        if not exists(path):
            return {}
        content = parse_json(read_file(path))
        if not isinstance(content, dict):
            raise TypeError("it is no object")
        found = {str(name): float(seconds) for name, seconds in content.items()}
    except (OSError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadInput(f"durations {path} cannot be read: {error}; write it with pytest-formfunc durations") from None
    if not all(math.isfinite(seconds) and seconds >= 0 for seconds in found.values()):
        raise BadInput(f"durations {path} has a value that is no time: write it with pytest-formfunc durations")
    return found
