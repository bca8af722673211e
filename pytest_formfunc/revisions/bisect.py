"""Find the commit that lost the speedup by comparing commits with the good one, side by side."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pytest_formfunc.errors import BadInput
from pytest_formfunc.measure.scratch import MARK_VARIABLE, RUN_PREFIX, OwnFolder, sweep_runs
from pytest_formfunc.measure.signals import Signals
from pytest_formfunc.revisions.checkout import Revision, check_out, commits_between
from pytest_formfunc.revisions.comparing import (
    FINE,
    KEPT,
    UNKNOWN,
    first_trouble,
    narrow,
    outcome_of,
    read_judged,
    run_pytest,
)


def bisect(good: str, bad: str, pytest_args: Sequence[str], root: Path, say: Callable[[str], None]) -> int:
    """Search the commits after ``good`` up to ``bad``, first parents only, and return the exit code 0.

    A commit cannot be judged if its code cannot be imported, its model raises an exception or its verdict is
    inconclusive; the search then goes on with its neighbours.

    Args:
        good: a revision that had the speedup.
        bad: a later revision that lost it.
        pytest_args: arguments for pytest, which select the tests.
        root: a folder in the user's repository.
        say: shows a line of progress or of the result.

    Raises:
        BadInput: a revision does not exist, ``good`` is not an ancestor of ``bad``, or ``bad`` did not lose the speedup
            or cannot be judged.
    """
    sweep_runs()
    own, signals = OwnFolder(f"{RUN_PREFIX}bisect-"), Signals()
    scratch = own.path
    try:
        first = check_out(good, root, scratch / "good", in_ci=False)
        first.close()
        commits = commits_between(root, first.commit, bad)
        return _search(commits, lambda commit: _judge(commit, first, pytest_args, root, scratch, say), say)
    finally:
        signals.ignore_more()
        own.close()
        signals.close()


def _search(commits: list[str], judge: Callable[[str], str], say: Callable[[str], None]) -> int:
    """Halve the commits, oldest first, until the first that lost the speedup is known; the last must have lost it."""
    outcome = judge(commits[-1])
    if outcome == UNKNOWN:
        raise BadInput(
            f"{commits[-1][:10]} cannot be judged, so there is nothing to search for: fix the problem reported above"
        )
    if outcome == KEPT:
        raise BadInput(f"{commits[-1][:10]} did not lose the speedup: there is nothing to search for")
    low, high = narrow(  # kept up to low, lost from high on
        -1,
        len(commits) - 1,
        lambda index: judge(commits[index]),
        lambda low, index, high: abs(index - (low + high) / 2),
    )
    suspects = [commits[index] for index in range(low + 1, high + 1)]
    if len(suspects) == 1:
        say(f"{suspects[0]} is the first commit that lost the speedup")
    else:
        say(f"one of these lost the speedup; all but the last could not be judged: {', '.join(suspects)}")
    return 0


def _judge(
    commit: str, good: Revision, pytest_args: Sequence[str], root: Path, scratch: Path, say: Callable[[str], None]
) -> str:
    """Compare the tests of a commit with those of the good one; return `LOST`, `KEPT` or `UNKNOWN`."""
    revision = check_out(commit, root, scratch / commit[:10], in_ci=False)
    report = scratch / f"{commit[:10]}.json"
    try:
        command = [sys.executable, "-m", "pytest", *pytest_args, f"--formfunc-against={good.commit}"]
        command += [f"--formfunc-report={report}", "-p", "no:cacheprovider"]
        command.append(f"--formfunc-cache-dir={root / '.formfunc_cache'}")  # so that steps share artifacts
        environment = {
            **os.environ,
            MARK_VARIABLE: str(scratch),
            "PYTHONPATH": os.pathsep.join(revision.workspace(sys.path, root).sys_path or ()),
        }
        code, text = run_pytest(command, revision.there(root), environment)
        verdicts = [record["verdict"] for record in read_judged(report)]
        statuses = {verdict["status"] for verdict in verdicts} - {"new"}  # a new case has nothing to lose
        outcome = outcome_of(statuses, complete=code == 0)
        say(f"{commit[:10]} {outcome}")
        shown = [verdict["reason"] for verdict in verdicts if verdict["status"] not in (*FINE, "new")]
        shown += [trouble] if (trouble := first_trouble(text)) else []
        for line in shown[:1] if outcome != KEPT else ():
            say(f"  {line.strip()}")
        return outcome
    finally:
        revision.close()
