"""Under pytest-xdist tests that measure are refused, in one sentence; other tests run as they would without us."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pytest_formfunc.plugin.sentence import Sentence

_NAME = "formfunc-refuses-xdist"
_SENTENCE = (
    "formfunc: tests that measure cannot run under pytest-xdist, where they would disturb each other: "
    "run them without -n (or with -n 0)"
)


def is_worker(config: pytest.Config) -> bool:
    """Return whether this process is one of xdist's workers."""
    return hasattr(config, "workerinput")


def refusing_item(session: pytest.Session) -> pytest.Item:
    """Return the one test that a worker is left with where it collected tests that measure."""
    return Sentence.from_parent(session, name=_NAME, find=lambda: _SENTENCE)


def refuse(ids: Iterable[str]) -> None:
    """End the whole run where a worker collected tests that measure.

    Raises:
        pytest.UsageError: it did.
    """
    if any(name.endswith(_NAME) for name in ids):
        raise pytest.UsageError(_SENTENCE)
