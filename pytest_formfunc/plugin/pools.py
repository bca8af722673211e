"""A failed test for each loss that several cases share, when all tests of a run have ended."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from pytest_formfunc.gate.pooled import pooled_losses, pooled_test
from pytest_formfunc.plugin.sentence import report_failed

if TYPE_CHECKING:
    from pytest_formfunc.plugin.session import Session


def report_pooled(session: Session) -> None:
    """Judge all cases together; note what they lost in the results, and report what fails the run.

    This is made where all cases come together: here, in the controller of pytest-xdist, and for parts of a run
    (``--formfunc-shard``) by who merges them.
    """
    journal, results = session.journal, session.results
    if session.worker is not None or journal is None or journal.header is None or results is None:
        return
    results.pooled = pooled_losses(journal.header, journal.rows)
    for one in results.pooled:
        if one.fails:
            # Hooks of the project that see the report may end the session, by an exit code of their own.
            with contextlib.suppress(Exception, pytest.exit.Exception):
                report_failed(session.config, pooled_test(one.name), one.sentence)
