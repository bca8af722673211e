"""The closing check of a session: whatever fails the run has to have failed a test."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from pytest_formfunc.gate.closing import Fault, faults_of
from pytest_formfunc.journal.lines import COMPLETE, INTERRUPTED
from pytest_formfunc.plugin.sentence import report_failed

if TYPE_CHECKING:
    from collections.abc import Collection

    from pytest_formfunc.plugin.session import Session

_MOST_NAMED = 20  # faults that are reported one by one
CLOSING = "formfunc-closing-check"


def close_run(session: Session) -> bool:
    """Check a run when its tests have ended; return whether it is red, whatever exit code somebody gives it.

    A strict run reports a failed test for each such fault, so that JUnit has it too. Another run says it in its report.
    A part of a run does not fail on verdicts: merging all parts judges them.
    """
    faults = _faults(session)
    found = [one for one in faults if not _has_failed(one, session.failed_tests)]
    if session.results is None:
        return False
    if len(found) > _MOST_NAMED:
        names = ", ".join(one.name for one in found[_MOST_NAMED:])
        found = [*found[:_MOST_NAMED], Fault("others", f"so it is with {len(found) - _MOST_NAMED} more: {names}")]
    if not session.settings.strict:
        session.results.notes += [
            f"this failed no test, which --formfunc-strict does not pass: {one.sentence}" for one in found
        ]
        return False
    for one in found:
        # Hooks of the project that see the report may end the session, by an exit code of their own.
        with contextlib.suppress(Exception, pytest.exit.Exception):
            report_failed(session.config, f"{CLOSING}[{one.name}]", f"{one.sentence}; no test has failed for it")
    return bool(faults)


def report_nothing_begun(session: Session) -> None:
    """Report a failed test: the command line asks for a strict comparison, and no run began to make it."""
    sentence = "a strict comparison was asked for, and the session ended before it began"
    with contextlib.suppress(Exception, pytest.exit.Exception):
        report_failed(session.config, f"{CLOSING}[nothing-begun]", sentence)


def _faults(session: Session) -> list[Fault]:
    """Return what fails a run."""
    journal, results = session.journal, session.results
    if journal is None or journal.header is None or results is None or session.settings.shard is not None:
        return []
    ended = COMPLETE if session.complete else INTERRUPTED
    return faults_of(journal.header, journal, ended=ended, strict=session.settings.strict)


def _has_failed(fault: Fault, failed: Collection[str]) -> bool:
    return any(name == test or name.endswith(f"::{test}") for name in failed for test in fault.tests)
