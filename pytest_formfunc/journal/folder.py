"""The folder of journals: the newest one that can be continued, workers' files, and which are removed."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_formfunc.errors import BadInput
from pytest_formfunc.journal.lines import COMPLETE, Failure, Header, Journal, read_header
from pytest_formfunc.journal.reading import read_journal
from pytest_formfunc.journal.writing import JournalWriter
from pytest_formfunc.json_reading import MOST_BYTES
from pytest_formfunc.paths import open_file

FOLDER = "runs"  # in the folder of the cache
KEPT = 50  # journals of complete runs; older ones are removed
_LAST_LINE_BYTES = 8192  # the line that says how a run ended is shorter


def parts_of(path: Path) -> list[Path]:
    """Return the files that the pytest-xdist workers of a run write beside its journal.

    Their names have the worker's before the ending: ``RUN.gw0.jsonl``.
    """
    return sorted(path.parent.glob(f"{glob.escape(path.stem)}.gw[0-9]*{path.suffix}"))


def part_of(path: Path, worker: str) -> Path:
    """Return the file that a pytest-xdist worker writes beside the journal of its run."""
    return path.with_name(f"{path.stem}.{worker}{path.suffix}")


def read_with_parts(path: Path) -> Journal:
    """Read a journal, and from its workers' files what it lacks: a run that was killed may not have collected it.

    Raises:
        BadInput: `read_journal` refuses one of the files.
    """
    journal = read_journal(path)
    for part in parts_of(path):
        _add_later(journal, read_journal(part))
    return journal


def collect_parts(path: Path, journal: Journal, writer: JournalWriter) -> None:
    """Append to a journal what only its workers' files have, and remove those.

    Args:
        path: the journal's file.
        journal: its content with that of its workers' files, as `read_with_parts` returns it.
        writer: appends to it.
    """
    alone = read_journal(path)
    for key, row in journal.rows.items():
        if key not in alone.rows or alone.rows[key].to_json() != row.to_json():
            writer.add(row)
    for key, reason in journal.failures.items():
        if alone.failures.get(key) != reason:
            writer.fail(Failure(*key, reason))
    for test, judged in journal.judged.items():
        if test not in alone.judged:
            writer.judge(judged)
    if not writer.problem:
        for part in parts_of(path):
            part.unlink(missing_ok=True)


def _add_later(journal: Journal, other: Journal) -> None:
    """Add the rows and failures of a worker's journal that are later than those that are there."""
    journal.dropped |= other.dropped
    journal.judged |= {test: judged for test, judged in other.judged.items() if test not in journal.judged}
    for key, moment in other.times.items():
        if moment < journal.times.get(key, 0.0):
            continue
        journal.times[key] = moment
        journal.doubtful.discard(key)
        if key in other.rows:
            journal.rows[key] = other.rows[key]
            journal.failures.pop(key, None)
        elif key in other.failures:
            journal.failures[key] = other.failures[key]
            journal.rows.pop(key, None)


def is_open(path: Path) -> bool:
    """Return whether a run writes a journal at the moment."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(opened)
    return False


@dataclass(frozen=True)
class Listed:
    """A journal of a folder.

    Attributes:
        path: its file.
        journal: its content, or None if it cannot be read.
        problem: why it cannot be read.
        running: whether a run writes it at the moment.
    """

    path: Path
    journal: Journal | None
    problem: str = ""
    running: bool = False

    @property
    def state(self) -> str:
        """Return how the run stands, in a word or two."""
        if self.running:
            return "running"
        if self.journal is None:
            return "cannot be read"
        return self.journal.ended or "stopped"


def list_journals(folder: Path) -> list[Listed]:
    """Return the journals of a folder, oldest first; workers' files belong to their run's."""
    return [_listed(path) for path in _paths(folder)]


def newest_unfinished(folder: Path, header: Header) -> tuple[Path, Journal] | None:
    """Return the newest journal that a run can continue, or None if there is none.

    Args:
        folder: the folder of journals.
        header: of the run that continues: project, machine and shard have to be the same.
    """
    for path in reversed(_paths(folder)):
        with contextlib.suppress(BadInput):
            theirs, ended = _ends(path)
            if theirs.worker or why_not_continued(theirs, header) is not None or is_open(path):
                continue
            return None if ended == COMPLETE else (path, read_with_parts(path))
    return None


def why_not_continued(theirs: Header, header: Header) -> str | None:
    """Return a clause that says why a run cannot continue a journal, given the header of each; None if it can."""
    if theirs.project != header.project:
        return f"is of project {theirs.project!r}, and this is {header.project!r}"
    if theirs.fingerprint != header.fingerprint:
        return f"is of another machine ({theirs.fingerprint}, and this is {header.fingerprint})"
    if str(theirs.shard or "the whole") != str(header.shard or "the whole"):
        return f"is of shard {theirs.shard or 'none'}, and this is {header.shard or 'none'}"
    plans = {shard.plan for shard in (theirs.shard, header.shard) if shard is not None} - {""}
    if len(plans) > 1:
        return "is of a run with other cases or settings, which all of its parts have to share: begin it anew"
    return None


def remove_old(folder: Path, kept: int = KEPT) -> None:
    """Remove the oldest journals of complete runs, so that at most so many journals are left."""
    paths = _paths(folder)
    for path in paths[: max(0, len(paths) - kept)]:
        with contextlib.suppress(OSError, BadInput):
            if _ends(path)[1] == COMPLETE and not is_open(path):
                for one in (path, *parts_of(path)):
                    one.unlink()


def _ends(path: Path) -> tuple[Header, str]:
    """Return a journal's header and how its run ended, without reading what lies between.

    Raises:
        BadInput: it is no journal.
    """
    try:
        with open_file(path) as file:
            header = read_header(file.readline(MOST_BYTES).decode("utf-8", "replace"))
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LAST_LINE_BYTES))
            lines = file.read().splitlines()
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise BadInput(f"cannot be read: {error}") from None
    try:
        return header, str(json.loads(lines[-1])["ended"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return header, ""


def _paths(folder: Path) -> list[Path]:
    everything = sorted(folder.glob("*.jsonl"))
    parts = {part for path in everything for part in parts_of(path)}
    return [path for path in everything if path not in parts]


def _listed(path: Path) -> Listed:
    running = is_open(path)
    try:
        return Listed(path, read_with_parts(path), running=running)
    except BadInput as error:
        return Listed(path, None, str(error), running)


def rows_beside(path: Path, own: Path, run: str) -> Iterator[Journal]:
    """Yield the journals that other workers of a run have written so far; what cannot be read yields nothing."""
    for part in parts_of(path):
        if part != own:
            with contextlib.suppress(BadInput):
                journal = read_journal(part)
                if journal.header.run == run:
                    yield journal
