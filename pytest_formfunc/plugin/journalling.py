"""Open the journal of a run: a new file, or that of a run that did not end; under xdist one for each process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_formfunc.backends import NATIVE, distributions
from pytest_formfunc.errors import BadInput
from pytest_formfunc.host import describe_host, fingerprint
from pytest_formfunc.journal.folder import (
    FOLDER,
    newest_unfinished,
    part_of,
    read_with_parts,
    remove_old,
    rows_beside,
    why_not_continued,
)
from pytest_formfunc.journal.lines import Header, Journal, Shard
from pytest_formfunc.journal.naming import new_run_name
from pytest_formfunc.journal.project import project_name
from pytest_formfunc.journal.reading import read_journal
from pytest_formfunc.journal.writing import JournalWriter
from pytest_formfunc.plugin.xdist.roles import assignment_of
from pytest_formfunc.run.journal import RunJournal, basis_of

if TYPE_CHECKING:
    from pytest_formfunc.plugin.plan import TestPlan
    from pytest_formfunc.plugin.session import Session
    from pytest_formfunc.plugin.xdist.messages import Collected
    from pytest_formfunc.plugin.xdist.roles import Assignment
    from pytest_formfunc.records import Key
    from pytest_formfunc.results import Comparison


def open_journal(
    session: Session, plans: Sequence[TestPlan], comparison: Comparison, compared_with: str
) -> tuple[RunJournal, list[str]]:
    """Return the journal of what this process measures, and sentences about it for the report.

    Args:
        session: of this process.
        plans: of all tests that measure.
        comparison: what the run is compared with.
        compared_with: names the content of that.

    Raises:
        BadInput: the file that was named cannot be written or continued.
    """
    settings, basis = session.settings, basis_of(session.settings, compared_with)
    header = _header(session, comparison.title, [plan.key for plan in plans], [plan.test for plan in plans])
    if settings.shard is not None:
        header = _as_part(header, settings.shard, [plan.key for plan in session.plans_of_all], basis)
    accelerated = [plan for plan in plans if plan.backend != NATIVE and comparison.title]
    journal = RunJournal(
        header=header,
        basis=basis,
        tests={plan.key: plan.test for plan in plans},
        fail_on={plan.key: plan.fail_on(settings) for plan in plans},
        thresholds={plan.key: plan.threshold(settings) for plan in accelerated},
    )
    assignment = assignment_of(session.config)
    if assignment is not None:
        _open_part(session, journal, header, assignment)
        return journal, []
    named, notes = session.named_journal, []
    found = None
    if session.settings.resume:
        found = _to_continue(session, header)
        notes.append(_what_is_there(session, found))
    path = found[0] if found is not None else named or _folder(session) / f"{header.run}.jsonl"
    notes += _open_whole(session, journal, path, header, found[1] if found is not None else None)
    return journal, notes


def path_to_continue(session: Session) -> str:
    """Return the journal that xdist workers shall continue, or an empty string where there is none.

    Raises:
        BadInput: the file that was named cannot be continued.
    """
    found = _to_continue(session, _header(session, "", (), ()))
    return "" if found is None else str(found[0])


def open_gathered(session: Session, run: str, resume: str, collected: Collected) -> list[str]:
    """Open the journal in which an xdist controller gathers what its workers measure; return sentences about it.

    Args:
        session: of this process; it gets the journal.
        run: name of the run.
        resume: file of the journal that is continued, or an empty string.
        collected: what a worker has collected.

    Raises:
        BadInput: the file that was named cannot be written.
    """
    assert collected.header is not None
    # The machine's fingerprint is that of all of its cores, of which each worker may have a set of its own.
    header = replace(collected.header, run=run, worker="", fingerprint=_own_fingerprint())
    journal = session.gathered_journal = RunJournal(header=header)
    notes, earlier = [], None
    path = session.named_journal or _folder(session) / f"{run}.jsonl"
    if resume:
        path = Path(resume)
        earlier = read_with_parts(path)
        journal.in_file = read_journal(path).rows
    if session.settings.resume:
        notes.append(_what_is_there(session, None if earlier is None else (path, earlier)))
    return notes + _open_whole(session, journal, path, header, earlier)


def _open_part(session: Session, journal: RunJournal, header: Header, assignment: Assignment) -> None:
    """Open an xdist worker's own file beside the journal of its run.

    Raises:
        BadInput: it cannot be written.
    """
    whole = assignment.resume or assignment.journal
    path = Path(whole) if whole else _folder(session) / f"{assignment.run}.jsonl"
    if assignment.resume and path.exists():  # not where the controller is on another machine
        journal.earlier = read_with_parts(path).rows
    own = part_of(path, assignment.worker)
    journal.writer = JournalWriter(own, header, resume=own.exists())
    journal.beside = lambda: rows_beside(path, own)


def _open_whole(
    session: Session, journal: RunJournal, path: Path, header: Header, earlier: Journal | None
) -> list[str]:
    """Open the file of a whole run; return sentences about it.

    Raises:
        BadInput: it cannot be written, unless it is a new one in the usual place, for which nobody asked.
    """
    journal.earlier = {} if earlier is None else earlier.rows
    try:
        journal.writer = JournalWriter(path, header, resume=earlier is not None)
    except BadInput as error:
        if session.named_journal is not None or earlier is not None:
            raise
        return [f"no journal is written: {error}"]
    if session.named_journal is None:
        remove_old(_folder(session))
    return [] if earlier is not None else [f"journal: {_shown(session, path)}"]


def _to_continue(session: Session, header: Header) -> tuple[Path, Journal] | None:
    """Return the journal that this run continues, or None if none was named and there is none that it can continue.

    Raises:
        BadInput: the one that was named is not there, cannot be read, or is of another project, machine or shard.
    """
    path = session.named_journal
    if path is None:
        return newest_unfinished(_folder(session), header)
    if not path.exists():
        raise BadInput(f"there is no journal {path} to continue: leave --formfunc-resume out to begin it")
    journal = read_with_parts(path)
    if (reason := why_not_continued(journal.header, header)) is not None:
        raise BadInput(f"journal {path} {reason}: it cannot be continued here")
    return path, journal


def _header(session: Session, title: str, planned: Sequence[tuple[str, str]], tests: Sequence[str]) -> Header:
    assignment = assignment_of(session.config)
    return Header(
        run=new_run_name() if assignment is None else assignment.run,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        project=project_name(session.config.rootpath),
        fingerprint=_own_fingerprint(),
        title=title,
        planned=tuple(planned),
        tests=tuple(tests),
        fail_on=session.settings.fail_on,
        shard=None if session.settings.shard is None else Shard(*session.settings.shard, plan=""),
        worker="" if assignment is None else assignment.worker,
    )


def _own_fingerprint() -> str:
    return fingerprint(describe_host(distributions()))


def _as_part(header: Header, shard: tuple[int, int], of_all: Sequence[Key], basis: Mapping[str, Any]) -> Header:
    """Return the header of a part, which says what all parts are."""
    text = json.dumps([sorted(of_all), basis, shard[1]], sort_keys=True)
    plan = hashlib.sha256(text.encode()).hexdigest()[:12]
    return replace(header, shard=Shard(*shard, plan), part_of_all=tuple(of_all))


def _what_is_there(session: Session, found: tuple[Path, Journal] | None) -> str:
    if found is None:
        return f"journal: there was no run to continue in {_shown(session, _folder(session))}, so this one began anew"
    path, journal = found
    half = "; its last line was half written and is left out" if journal.dropped else ""
    return f"journal: {_shown(session, path)} is continued, which had {len(journal.rows)} rows{half}"


def _folder(session: Session) -> Path:
    return session.settings.cache_dir / FOLDER


def _shown(session: Session, path: Path) -> str:
    """Return a path as the user may type it."""
    started_in = session.config.invocation_params.dir
    return str(path.relative_to(started_in)) if path.is_relative_to(started_in) else str(path)
