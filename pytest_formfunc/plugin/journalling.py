"""Open the journal of a run: a new file, or that of a run that did not end; under xdist one for each process."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_formfunc.backends import NATIVE, distributions
from pytest_formfunc.errors import BadInput
from pytest_formfunc.host import describe_host, fingerprint
from pytest_formfunc.journal.folder import (
    FOLDER,
    collect_parts,
    newest_unfinished,
    part_of,
    parts_of,
    read_with_parts,
    remove_old,
    rows_beside,
    why_not_continued,
)
from pytest_formfunc.journal.lines import Header, Journal, Shard
from pytest_formfunc.journal.naming import new_run_name
from pytest_formfunc.journal.project import project_name
from pytest_formfunc.journal.writing import JournalWriter
from pytest_formfunc.measure.probe import probe_devices
from pytest_formfunc.plugin.policies import describe_settings, own_policy
from pytest_formfunc.plugin.xdist.roles import assignment_of
from pytest_formfunc.run.journal import RunJournal, basis_of

if TYPE_CHECKING:
    from pytest_formfunc.plugin.plan import TestPlan
    from pytest_formfunc.plugin.session import Session
    from pytest_formfunc.plugin.xdist.messages import Collected
    from pytest_formfunc.plugin.xdist.roles import Assignment
    from pytest_formfunc.results import Comparison


@dataclass(frozen=True)
class Continued:
    """A journal that is continued.

    Attributes:
        path: its file.
        journal: its content, with what workers of the earlier run had written.
        writer: appends to it.
    """

    path: Path
    journal: Journal
    writer: JournalWriter


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
    settings, backends = session.settings, {plan.backend for plan in plans}
    with session.starting():
        devices = probe_devices(lambda: session.workers, backends | {settings.native})
    basis = basis_of(settings, compared_with, backends, devices)
    header = replace(
        _header(session),
        title=comparison.title,
        planned=tuple(plan.key for plan in plans),
        tests=tuple(plan.test for plan in plans),
        rules=tuple(asdict(own_policy(session, plan)) for plan in plans),
        settings=describe_settings(session),
        missing=tuple(comparison.missing_titles),
        deselected=comparison.deselected,
    )
    if settings.shard is not None:
        header = _as_part(session, header, settings.shard, basis)
    accelerated = [plan for plan in plans if plan.backend != NATIVE and comparison.title]
    journal = session.opened_journal = RunJournal(
        header=header,
        basis=basis,
        tests={plan.key: plan.test for plan in plans},
        fail_on={plan.key: session.policy_of(plan).fail_on for plan in plans},
        limits={plan.key: session.policy_of(plan).threshold for plan in plans},
        thresholds={plan.key: session.policy_of(plan).threshold for plan in accelerated},
    )
    assignment = assignment_of(session.config)
    if assignment is not None:
        _open_part(session, journal, header, assignment)
        return journal, []
    found = open_to_continue(session, header) if settings.resume else None
    return journal, _open_whole(session, journal, header, found)


def open_to_continue(session: Session, header: Header | None = None) -> Continued | None:
    """Open the journal that a run continues, or return None if none was named and there is none that it can continue.

    What only workers of the earlier run had written is in its file then.

    Args:
        session: of this process.
        header: of the run; by default what is known of it before tests are collected.

    Raises:
        BadInput: the one that was named is not there, cannot be read or written, or is of another project, machine,
            or part.
    """
    header = header or _header(session)
    named = session.named_journal
    if named is None:
        found = newest_unfinished(_folder(session), header)
        if found is None:
            return None
        path, journal = found
    else:
        path = named
        if _is_surely_absent(path):
            raise BadInput(f"there is no journal {path} to continue: leave --formfunc-resume out to begin it")
        journal = read_with_parts(path)
        if (reason := why_not_continued(journal.header, header)) is not None:
            raise BadInput(f"journal {path} {reason}: it cannot be continued here")
    writer = JournalWriter(path, None, journal.last_time)
    collect_parts(path, journal, writer)
    return Continued(path, journal, writer)


def _is_surely_absent(path: Path) -> bool:
    """Return whether a file is not there; where that cannot be told, reading it says why."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def refuse_leftovers(session: Session) -> None:
    """Refuse to begin a journal of a name that is taken, before xdist workers begin files beside it.

    Raises:
        BadInput: it is there, or files of workers of an earlier run are.
    """
    path = session.named_journal
    if path is not None and (found := [one for one in (path, *parts_of(path)) if os.path.lexists(one)]):
        raise BadInput(f"journal {found[0]} exists: continue it with --formfunc-resume, or name another file")


def open_gathered(session: Session, run: str, found: Continued | None, collected: Collected) -> list[str]:
    """Open the journal in which an xdist controller gathers what its workers measure; return sentences about it.

    Args:
        session: of this process; it gets the journal.
        run: name of the run.
        found: the journal that is continued, or None.
        collected: what a worker has collected.

    Raises:
        BadInput: the file cannot be written, or is a part of another run.
    """
    assert collected.header is not None
    # The machine's fingerprint is that of all of its cores, of which each worker may have a set of its own.
    header = replace(collected.header, run=run, worker="", fingerprint=_own_fingerprint())
    if found is not None and (reason := why_not_continued(found.journal.header, header)) is not None:
        raise BadInput(f"journal {found.path} {reason}: it cannot be continued here")
    journal = session.gathered_journal = RunJournal(header=header)
    return _open_whole(session, journal, header, found)


def path_of(session: Session, run: str) -> Path:
    """Return the file of a run's journal: the one that was named, or that in the usual place."""
    return session.named_journal or _folder(session) / f"{run}.jsonl"


def _open_part(session: Session, journal: RunJournal, header: Header, assignment: Assignment) -> None:
    """Open an xdist worker's own file beside the journal of its run.

    Raises:
        BadInput: it cannot be written.
    """
    whole = assignment.resume or assignment.journal
    path = Path(whole) if whole else _folder(session) / f"{assignment.run}.jsonl"
    own, last = part_of(path, assignment.worker), 0.0
    if assignment.resume and path.exists():  # not where the controller is on another machine
        earlier = read_with_parts(path)
        journal.earlier, last = earlier.rows, earlier.last_time
    if assignment.resume and own.exists():  # on another machine nobody has collected it
        journal.writer = JournalWriter(own, None, last)
        journal.writer.go_on(header)
    else:
        journal.writer = JournalWriter(own, header, last)
    journal.beside = lambda: rows_beside(path, own, header.run)


def _open_whole(session: Session, journal: RunJournal, header: Header, found: Continued | None) -> list[str]:
    """Open the file of a whole run; return sentences about it.

    Raises:
        BadInput: it cannot be written, unless it is a new one in the usual place, for which nobody asked.
    """
    if found is not None:
        journal.writer, journal.earlier = found.writer, found.journal.rows  # first: a signal may come at any moment
        found.writer.go_on(header)
        half = "; its last line was half written and is left out" if found.journal.dropped else ""
        return [f"journal: {_shown(session, found.path)} is continued, which had {len(found.journal.rows)} rows{half}"]
    path, notes = path_of(session, header.run), []
    if session.settings.resume:
        place = _shown(session, _folder(session))
        notes.append(f"journal: there was no run to continue in {place}, so this one began anew")
    try:
        journal.writer = JournalWriter(path, header)
    except BadInput as error:
        if session.named_journal is not None:
            raise
        return [*notes, f"no journal is written: {error}"]
    if session.named_journal is None:
        remove_old(_folder(session))
    return [*notes, f"journal: {_shown(session, path)}"]


def _header(session: Session) -> Header:
    """Return what is known of a run before its tests are collected."""
    assignment, settings = assignment_of(session.config), session.settings
    return Header(
        run=new_run_name() if assignment is None else assignment.run,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        project=project_name(session.config.rootpath),
        fingerprint=_own_fingerprint(),
        fail_on=settings.fail_on,
        best=settings.best,
        strict=settings.strict,
        accept=settings.accept,
        shard=None if settings.shard is None else Shard(*settings.shard, plan=""),
        worker="" if assignment is None else assignment.worker,
    )


def _own_fingerprint() -> str:
    return fingerprint(describe_host(distributions()))


def _as_part(session: Session, header: Header, shard: tuple[int, int], basis: Mapping[str, Any]) -> Header:
    """Return the header of a part, which says what all parts are.

    The number of threads counts as it was given: by default machines of one fleet may have unlike numbers of cores.
    """
    of_all = [plan.key for plan in session.plans_of_all]
    threads = session.config.getoption("formfunc_threads") or session.config.getini("formfunc_threads")
    text = json.dumps([sorted(of_all), {**basis, "threads": str(threads)}, shard[1]], sort_keys=True)
    plan = hashlib.sha256(text.encode()).hexdigest()[:12]
    return replace(header, shard=Shard(*shard, plan), part_of_all=tuple(of_all))


def _folder(session: Session) -> Path:
    return session.settings.cache_dir / FOLDER


def _shown(session: Session, path: Path) -> str:
    """Return a path as the user may type it."""
    started_in = session.config.invocation_params.dir
    return str(path.relative_to(started_in)) if path.is_relative_to(started_in) else str(path)
