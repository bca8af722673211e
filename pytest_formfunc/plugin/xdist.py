"""With pytest-xdist refuse tests that measure, in one sentence; other tests run as if this plugin was not installed."""

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
    """Return the one test that replaces all others in a worker that collected tests that measure."""
    return Sentence.from_parent(session, name=_NAME, find=lambda: _SENTENCE)


def refuse(ids: Iterable[str]) -> None:
    """End the whole run if a worker collected tests that measure.

    Args:
        ids: of the tests that a worker collected.

    Raises:
        pytest.UsageError: it did.
    """
    if any(name.endswith(_NAME) for name in ids):
        raise pytest.UsageError(_SENTENCE)
